from django.db import migrations

FUNCTIONS = """
-- Entries and seals change for nobody. Entries older than the shortest retention may go, and after them their seals, by audit_prune() alone.
CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' AND current_setting('opencom.audit_retention', true) = 'on' THEN
    IF OLD.created_at < now() - interval '30 days' THEN
      RETURN OLD;
    END IF;
  END IF;
  RAISE EXCEPTION 'The audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION audit_seals_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' AND current_setting('opencom.audit_retention', true) = 'on' THEN
    IF NOT EXISTS (SELECT FROM audit_auditentry WHERE id = OLD.entry_id) THEN
      RETURN OLD;
    END IF;
  END IF;
  RAISE EXCEPTION 'The audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION audit_awaits_its_seal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit_unsealedentry (entry_id, workspace_id) VALUES (NEW.id, NEW.workspace_id);
  RETURN NULL;
END $$;

CREATE FUNCTION audit_prune(of_workspace uuid, through bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('opencom.audit_retention', 'on', true);
  DELETE FROM audit_auditentry AS entry USING audit_seal AS made
    WHERE made.workspace_id = of_workspace AND made.number <= through AND entry.id = made.entry_id;
  DELETE FROM audit_seal WHERE workspace_id = of_workspace AND number <= through;
  PERFORM set_config('opencom.audit_retention', 'off', true);
END $$;

CREATE TRIGGER audit_to_be_sealed AFTER INSERT ON audit_auditentry
  FOR EACH ROW EXECUTE FUNCTION audit_awaits_its_seal();
CREATE TRIGGER seals_stay BEFORE UPDATE OR DELETE ON audit_seal
  FOR EACH ROW EXECUTE FUNCTION audit_seals_stay();
CREATE TRIGGER seals_not_emptied BEFORE TRUNCATE ON audit_seal
  FOR EACH STATEMENT EXECUTE FUNCTION audit_seals_stay();

INSERT INTO audit_unsealedentry (entry_id, workspace_id) SELECT id, workspace_id FROM audit_auditentry;
"""

DROP = """
DROP TRIGGER seals_not_emptied ON audit_seal;
DROP TRIGGER seals_stay ON audit_seal;
DROP TRIGGER audit_to_be_sealed ON audit_auditentry;
DROP FUNCTION audit_prune(uuid, bigint);
DROP FUNCTION audit_awaits_its_seal();
DROP FUNCTION audit_seals_stay();
CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'The audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_chain")]

    operations = [migrations.RunSQL(FUNCTIONS, DROP)]
