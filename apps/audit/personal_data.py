"""What the audit log keeps about visitors: that they did something, by id. Their names are forgotten when they are erased."""

from apps.visitors.personal_data import holds_nothing

holds_nothing("audit.auditentry", "what was done, by id; a visitor's name only until they are erased")
holds_nothing("audit.unsealedentry", "ids of entries")
holds_nothing("audit.seal", "hashes")
holds_nothing("audit.retention", "a workspace's choice")
