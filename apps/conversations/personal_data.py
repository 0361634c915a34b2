"""What conversations keep about visitors."""

from apps.visitors.personal_data import UNTIL_ERASED, holds

INSIDE = ("version", "public_version", "assignee", "unread_by_agents", "seen_by_agents", "seen_by_agents_public")

holds("conversations.conversation", "visitor", kept=UNTIL_ERASED, left_out=INSIDE)
holds("conversations.message", "conversation__visitor", kept=UNTIL_ERASED, left_out=("member",))
holds("conversations.attachment", "message__conversation__visitor", kept=UNTIL_ERASED, left_out=("member", "file"))
holds("conversations.draft", "conversation__visitor", kept="until it is sent or discarded", left_out=("member", "body"))
