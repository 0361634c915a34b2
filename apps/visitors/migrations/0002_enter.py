from django.db import migrations

CREATE = """
-- Finds by a token's hash, before it is known in whose workspace, and tells Postgres the workspace for what follows.
CREATE FUNCTION visitors_enter(hash bytea)
  RETURNS TABLE (base visitors_visitorsession, visitor visitors_visitor, workspace workspaces_workspace)
  LANGUAGE plpgsql VOLATILE ROWS 1 SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  found record;
BEGIN
  SELECT s AS s, v AS v, w AS w INTO found FROM visitors_visitorsession AS s
    JOIN visitors_visitor AS v ON v.id = s.visitor_id JOIN workspaces_workspace AS w ON w.id = s.workspace_id
    WHERE s.token_hash = hash AND s.expires_at > now();
  base := found.s;
  visitor := found.v;
  workspace := found.w;
  PERFORM set_config('opencom.workspace', coalesce(base.workspace_id::text, ''), false);
  IF base.workspace_id IS NOT NULL THEN RETURN NEXT; END IF;
END $$;
ALTER FUNCTION visitors_enter(bytea) OWNER TO opencom_system;
REVOKE ALL ON FUNCTION visitors_enter(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION visitors_enter(bytea) TO opencom_app, opencom_system;
"""


class Migration(migrations.Migration):
    dependencies = [("visitors", "0001_initial"), ("workspaces", "0003_enter")]

    operations = [migrations.RunSQL(CREATE, "DROP FUNCTION visitors_enter(bytea)")]
