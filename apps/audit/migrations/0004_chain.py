import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0003_no_truncate"),
        ("workspaces", "0002_web_addresses"),
    ]

    operations = [
        migrations.CreateModel(
            name="Retention",
            fields=[
                (
                    "workspace",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="audit_retention",
                        serialize=False,
                        to="workspaces.workspace",
                    ),
                ),
                (
                    "days",
                    models.PositiveSmallIntegerField(choices=[(30, "30 days"), (90, "90 days"), (365, "365 days")]),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Seal",
            fields=[
                ("entry_id", models.UUIDField(primary_key=True, serialize=False)),
                ("workspace_id", models.UUIDField()),
                ("number", models.BigIntegerField(help_text="1..n in its workspace.")),
                ("names_salt", models.BinaryField(max_length=16)),
                ("names_hash", models.BinaryField(max_length=32)),
                ("previous", models.BinaryField(help_text="The hash of the seal before it.", max_length=32)),
                ("hash", models.BinaryField(max_length=32)),
            ],
        ),
        migrations.CreateModel(
            name="UnsealedEntry",
            fields=[
                ("entry_id", models.UUIDField(primary_key=True, serialize=False)),
                ("workspace_id", models.UUIDField()),
            ],
        ),
        migrations.AddField(
            model_name="auditentry",
            name="subject_label",
            field=models.CharField(db_default="", default="", help_text="Its name at the time.", max_length=200),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["workspace_id", "action", "-created_at", "-id"], name="audit_by_action"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["workspace_id", "actor_id", "-created_at", "-id"], name="audit_by_actor"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["workspace_id", "subject_id", "-created_at", "-id"], name="audit_by_subject"),
        ),
        migrations.AddConstraint(
            model_name="retention",
            constraint=models.CheckConstraint(
                condition=models.Q(("days__in", [30, 90, 365])), name="audit_retention_days"
            ),
        ),
        migrations.AddConstraint(
            model_name="seal",
            constraint=models.UniqueConstraint(fields=("workspace_id", "number"), name="seal_number_once"),
        ),
    ]
