import django.db.models.deletion
from django.db import migrations, models

FILL = """
UPDATE conversations_draft AS draft SET workspace_id = conversation.workspace_id
  FROM conversations_conversation AS conversation WHERE conversation.id = draft.conversation_id;
SET CONSTRAINTS ALL IMMEDIATE;
"""


class Migration(migrations.Migration):
    dependencies = [("conversations", "0004_message_indexes"), ("workspaces", "0003_enter")]

    operations = [
        migrations.AddField(
            model_name="draft",
            name="workspace",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="workspaces.workspace"
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="draft",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="workspaces.workspace"
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.UniqueConstraint(fields=("workspace", "id"), name="message_in_workspace"),
        ),
    ]
