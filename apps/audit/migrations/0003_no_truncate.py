from django.db import migrations

CREATE = """
CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON audit_auditentry
  FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
"""

DROP = "DROP TRIGGER audit_not_emptied ON audit_auditentry"


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]

    operations = [migrations.RunSQL(CREATE, DROP)]
