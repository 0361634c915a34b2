"""Opencom on one machine without Docker: Postgres and Valkey from Python packages, and the processes around them.

Nothing here imports Django: the program that keeps everything running stays small while it idles.
"""
