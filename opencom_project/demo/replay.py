"""Real support dialogues, played by visitors and agents at once through the public API and sockets."""
