from django.db import migrations

CREATE = """
-- An unlogged table's own sequence starts anew after a crash, and a number that was used before looks like one that was heard before.
CREATE SEQUENCE core_move_number;
SELECT setval('core_move_number', coalesce((SELECT max(id) FROM core_move), 0) + 1);
ALTER TABLE core_move ALTER COLUMN id DROP IDENTITY;
ALTER TABLE core_move ALTER COLUMN id SET DEFAULT nextval('core_move_number');

CREATE UNLOGGED SEQUENCE core_move_life MINVALUE 1;
COMMENT ON SEQUENCE core_move_life IS 'Which life of core_move this is: set at random, and unset again by the crash that empties the table.';
"""

DROP = """
DROP SEQUENCE core_move_life;
ALTER TABLE core_move ALTER COLUMN id DROP DEFAULT;
ALTER TABLE core_move ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY;
DROP SEQUENCE core_move_number;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, DROP)]
