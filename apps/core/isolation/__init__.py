"""What keeps workspaces apart below the code: row-level security, the roles it holds for, and keys that don't cross a workspace.

``scopes`` says within which workspace statements run, ``catalogue`` derives what the database must have from the models,
``roles`` are who signs in to it. ``docs/adr/0007-row-level-security.md`` says why it is done so.
"""
