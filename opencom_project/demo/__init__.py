"""The demo: a made-up shop's workspace to look at, many more conversations to measure with, and real dialogues played from outside."""
