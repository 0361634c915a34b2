"""Embeddings are a family: each kind turns passages and questions into vectors that lie near each other where they mean the same."""
