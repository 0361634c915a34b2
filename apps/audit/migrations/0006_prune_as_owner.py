from django.db import migrations

# The application may not delete entries: what is older than a workspace keeps goes by this function alone, within that workspace.
PRUNE = """
CREATE OR REPLACE FUNCTION audit_prune(of_workspace uuid, through bigint) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  before text := current_setting('opencom.workspace', true);
BEGIN
  PERFORM set_config('opencom.workspace', of_workspace::text, true), set_config('opencom.audit_retention', 'on', true);
  DELETE FROM audit_auditentry AS entry USING audit_seal AS made
    WHERE made.workspace_id = of_workspace AND made.number <= through AND entry.id = made.entry_id;
  DELETE FROM audit_seal WHERE workspace_id = of_workspace AND number <= through;
  PERFORM set_config('opencom.workspace', coalesce(before, ''), true), set_config('opencom.audit_retention', 'off', true);
END $$;
REVOKE ALL ON FUNCTION audit_prune(uuid, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_prune(uuid, bigint) TO opencom_app, opencom_system;
"""

BACK = """
CREATE OR REPLACE FUNCTION audit_prune(of_workspace uuid, through bigint) RETURNS void LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
  PERFORM set_config('opencom.audit_retention', 'on', true);
  DELETE FROM audit_auditentry AS entry USING audit_seal AS made
    WHERE made.workspace_id = of_workspace AND made.number <= through AND entry.id = made.entry_id;
  DELETE FROM audit_seal WHERE workspace_id = of_workspace AND number <= through;
  PERFORM set_config('opencom.audit_retention', 'off', true);
END $$;
GRANT EXECUTE ON FUNCTION audit_prune(uuid, bigint) TO PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_sealed")]

    operations = [migrations.RunSQL(PRUNE, BACK)]
