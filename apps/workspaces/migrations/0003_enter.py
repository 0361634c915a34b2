import django.db.models.deletion
from django.db import migrations, models

CREATE = """
-- Finds somebody's seat, in the workspace they work in or else their first, and tells Postgres the workspace for what follows.
CREATE FUNCTION workspaces_enter(somebody uuid, wanted uuid)
  RETURNS TABLE (base workspaces_member, "user" workspaces_user, workspace workspaces_workspace)
  LANGUAGE plpgsql VOLATILE ROWS 1 SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  found record;
BEGIN
  SELECT m AS m, u AS u, w AS w INTO found FROM workspaces_member AS m
    JOIN workspaces_user AS u ON u.id = m.user_id JOIN workspaces_workspace AS w ON w.id = m.workspace_id
    WHERE m.user_id = somebody AND u.is_active AND (wanted IS NULL OR m.workspace_id = wanted)
    ORDER BY m.created_at LIMIT 1;
  base := found.m;
  "user" := found.u;
  workspace := found.w;
  PERFORM set_config('opencom.workspace', coalesce(base.workspace_id::text, ''), false);
  IF base.workspace_id IS NOT NULL THEN RETURN NEXT; END IF;
END $$;
ALTER FUNCTION workspaces_enter(uuid, uuid) OWNER TO opencom_system;
REVOKE ALL ON FUNCTION workspaces_enter(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION workspaces_enter(uuid, uuid) TO opencom_app, opencom_system;
"""


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0002_web_addresses")]

    operations = [
        # They live for thirty seconds.
        migrations.RunSQL("DELETE FROM workspaces_ticket; SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="ticket",
            name="workspace",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="workspaces.workspace"
            ),
        ),
        migrations.AlterField(
            model_name="ticket",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="workspaces.workspace"
            ),
        ),
        migrations.RunSQL(CREATE, "DROP FUNCTION workspaces_enter(uuid, uuid)"),
    ]
