"""Load generators: processes of their own that behave as visitors, agents and their browsers do."""
