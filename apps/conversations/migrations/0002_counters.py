from django.db import migrations

CREATE = """
CREATE TABLE conversations_count (
  workspace_id uuid NOT NULL REFERENCES workspaces_workspace (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  bucket text NOT NULL,
  n bigint NOT NULL
);
CREATE INDEX conversations_count_bucket ON conversations_count (workspace_id, bucket) INCLUDE (n);
COMMENT ON TABLE conversations_count IS 'Changes of the inbox''s counters: their sum is exact at any time, and a job folds them.';

CREATE FUNCTION conversations_buckets(status text, assignee uuid, unread int) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
  SELECT array_remove(ARRAY[
    status,
    CASE WHEN status = 'open' AND assignee IS NULL THEN 'unassigned' END,
    CASE WHEN status = 'open' AND assignee IS NOT NULL THEN 'member:' || assignee END,
    CASE WHEN status = 'open' AND unread > 0 THEN 'unread' END,
    CASE WHEN status = 'open' AND unread > 0 AND assignee IS NOT NULL THEN 'unread:' || assignee END
  ], NULL)
$$;

CREATE FUNCTION conversations_count_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  was text[] := '{}';
  now_in text[] := '{}';
BEGIN
  IF TG_OP <> 'INSERT' THEN was := conversations_buckets(OLD.status, OLD.assignee_id, OLD.unread_by_agents); END IF;
  IF TG_OP <> 'DELETE' THEN now_in := conversations_buckets(NEW.status, NEW.assignee_id, NEW.unread_by_agents); END IF;
  INSERT INTO conversations_count (workspace_id, bucket, n)
    SELECT coalesce(NEW.workspace_id, OLD.workspace_id), bucket, 1 FROM unnest(now_in) AS bucket WHERE bucket <> ALL (was)
    UNION ALL
    SELECT coalesce(OLD.workspace_id, NEW.workspace_id), bucket, -1 FROM unnest(was) AS bucket WHERE bucket <> ALL (now_in);
  RETURN NULL;
END $$;

CREATE TRIGGER conversations_counted AFTER INSERT OR DELETE ON conversations_conversation
  FOR EACH ROW EXECUTE FUNCTION conversations_count_change();
CREATE TRIGGER conversations_recounted AFTER UPDATE ON conversations_conversation
  FOR EACH ROW WHEN (
    OLD.status IS DISTINCT FROM NEW.status OR OLD.assignee_id IS DISTINCT FROM NEW.assignee_id
    OR (OLD.unread_by_agents > 0) IS DISTINCT FROM (NEW.unread_by_agents > 0)
  ) EXECUTE FUNCTION conversations_count_change();
"""

DROP = """
DROP TRIGGER conversations_recounted ON conversations_conversation;
DROP TRIGGER conversations_counted ON conversations_conversation;
DROP FUNCTION conversations_count_change();
DROP FUNCTION conversations_buckets(text, uuid, int);
DROP TABLE conversations_count;
"""


class Migration(migrations.Migration):
    dependencies = [("conversations", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, DROP)]
