from django.db import migrations

FUNCTIONS = """
-- Entries and seals change for nobody, but that a person's name can be forgotten: the labels of their entries become empty, and with the salt
-- of its seal goes what could prove which name it was.
CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  forgotten audit_auditentry;
BEGIN
  IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' AND current_setting('opencom.audit_retention', true) = 'on' THEN
    IF OLD.created_at < now() - interval '30 days' THEN
      RETURN OLD;
    END IF;
  END IF;
  IF TG_OP = 'UPDATE' AND TG_LEVEL = 'ROW' AND current_setting('opencom.audit_forgetting', true) = 'on' THEN
    forgotten := OLD;
    forgotten.actor_label := NEW.actor_label;
    forgotten.subject_label := NEW.subject_label;
    IF forgotten IS NOT DISTINCT FROM NEW AND NEW.actor_label IN ('', OLD.actor_label) AND NEW.subject_label IN ('', OLD.subject_label) THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'The audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE OR REPLACE FUNCTION audit_seals_stay() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  forgotten audit_seal;
BEGIN
  IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' AND current_setting('opencom.audit_retention', true) = 'on' THEN
    IF NOT EXISTS (SELECT FROM audit_auditentry WHERE id = OLD.entry_id) THEN
      RETURN OLD;
    END IF;
  END IF;
  IF TG_OP = 'UPDATE' AND TG_LEVEL = 'ROW' AND current_setting('opencom.audit_forgetting', true) = 'on' THEN
    forgotten := OLD;
    forgotten.names_salt := NEW.names_salt;
    IF forgotten IS NOT DISTINCT FROM NEW AND NEW.names_salt = ''::bytea THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'The audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

-- The application may not change entries: a name goes by this function alone, within that workspace.
CREATE FUNCTION audit_forget(of_workspace uuid, person uuid) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  before text := current_setting('opencom.workspace', true);
BEGIN
  PERFORM set_config('opencom.workspace', of_workspace::text, true), set_config('opencom.audit_forgetting', 'on', true);
  UPDATE audit_seal AS made SET names_salt = '' FROM audit_auditentry AS entry
    WHERE entry.id = made.entry_id AND entry.workspace_id = of_workspace AND person IN (entry.actor_id, entry.subject_id);
  UPDATE audit_auditentry SET
      actor_label = CASE WHEN actor_id = person THEN '' ELSE actor_label END,
      subject_label = CASE WHEN subject_id = person THEN '' ELSE subject_label END
    WHERE workspace_id = of_workspace AND person IN (actor_id, subject_id);
  PERFORM set_config('opencom.workspace', coalesce(before, ''), true), set_config('opencom.audit_forgetting', 'off', true);
END $$;
REVOKE ALL ON FUNCTION audit_forget(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_forget(uuid, uuid) TO opencom_app, opencom_system;
"""

DROP = """
DROP FUNCTION audit_forget(uuid, uuid);
CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' AND current_setting('opencom.audit_retention', true) = 'on' THEN
    IF OLD.created_at < now() - interval '30 days' THEN
      RETURN OLD;
    END IF;
  END IF;
  RAISE EXCEPTION 'The audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE OR REPLACE FUNCTION audit_seals_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' AND current_setting('opencom.audit_retention', true) = 'on' THEN
    IF NOT EXISTS (SELECT FROM audit_auditentry WHERE id = OLD.entry_id) THEN
      RETURN OLD;
    END IF;
  END IF;
  RAISE EXCEPTION 'The audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0006_prune_as_owner")]

    operations = [migrations.RunSQL(FUNCTIONS, DROP)]
