\set day random(0, 200)
SELECT last_at, id FROM conversations_conversation
WHERE workspace_id = :workspace::uuid AND status = 'open' AND last_at < now() - :day * interval '1 day'
ORDER BY last_at DESC, id DESC LIMIT 51;
