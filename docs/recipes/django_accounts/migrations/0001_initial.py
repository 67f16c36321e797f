from django.contrib.postgres.operations import CreateExtension
from django.db import migrations, models

from django_accounts.fields import ExternalIdSetField, UniqueMembersIndex


class Migration(migrations.Migration):
    initial = True

    operations = [
        CreateExtension("external_ids"),
        migrations.CreateModel(
            name="Account",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("org_id", models.IntegerField()),
                ("name", models.TextField()),
            ],
            options={"db_table": "accounts"},
        ),
        # From here on as for a table that is there. On one in use: AddIndexConcurrently's way,
        # a migration with atomic = False.
        migrations.AddField("account", "external_ids", ExternalIdSetField(default=list)),
        migrations.AddIndex("account", UniqueMembersIndex(
            fields=["external_ids", "org_id"], name="accounts_external_ids_key")),
    ]
