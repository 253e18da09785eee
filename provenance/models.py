"""IVOA Provenance Data Model 1.0 (REC 2020-04-11) as tables.

One table per class, snake_case, so that each can be published as `provenance.<table>`: the texts that identify
activities, entities, agents and descriptions are the keys that the other tables refer to, and attributes whose name
SQL or ADQL reserves have a safe column name (`param_value` for `Parameter.value`, `used_time` for `Used.time`).
ValueEntity, DatasetEntity and Collection are Entities told apart by `kind`, and so are the entity descriptions.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

ID_LENGTH = 512
ROLE_LENGTH = 128
TYPE_LENGTH = 64
STATUS_LENGTH = 16
CONTENT_TYPE_LENGTH = 128
UCD_LENGTH = 128


def _key(help_text: str) -> models.CharField[str, str]:
    return models.CharField(primary_key=True, max_length=ID_LENGTH, help_text=help_text)


def _text(help_text: str) -> models.TextField[str, str]:
    return models.TextField(blank=True, default="", help_text=help_text)


def _word(help_text: str, length: int = TYPE_LENGTH) -> models.CharField[str, str]:
    return models.CharField(max_length=length, blank=True, default="", help_text=help_text)


class ActivityDescription(models.Model):
    """What all runs of one program or job type in one version have in common (`voprov:ActivityDescription`)."""

    id = _key("name and version, percent-encoded and joined by a slash")
    name = models.CharField(max_length=ID_LENGTH, help_text="name of the program or job type")
    version = models.CharField(max_length=TYPE_LENGTH, blank=True, default="", help_text="its version")
    description = _text("what it does")
    docurl = _text("where it is documented")
    type = _word("Observation, Simulation, Reduction, Calibration, Reconstruction, Selection, Analysis ...")
    subtype = _word("a finer kind, free")

    class Meta:
        db_table = "provenance_activity_description"
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="activity_description_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


class EntityDescription(models.Model):
    """What all entities of one kind have in common (`voprov:DatasetDescription`, `voprov:ValueDescription`)."""

    class Kind(models.TextChoices):
        DATASET = "dataset"
        VALUE = "value"

    id = _key("identifier of the description that the entities play a role in, and the role")
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.DATASET, help_text="dataset or value")
    name = models.CharField(max_length=ID_LENGTH, help_text="name of the kind of entity")
    description = _text("what it is")
    docurl = _text("where it is documented")
    type = _word("category of the entity")
    content_type = _word("media type of a dataset", CONTENT_TYPE_LENGTH)
    datatype = _word("VOTable datatype of a value")
    arraysize = _word("VOTable arraysize of a value")
    xtype = _word("DALI xtype of a value")
    unit = _word("VOUnit of a value")
    ucd = _word("UCD of a value", UCD_LENGTH)
    utype = _word("utype of a value", UCD_LENGTH)

    class Meta:
        db_table = "provenance_entity_description"

    def __str__(self) -> str:
        return self.name


class RoleDescription(models.Model):
    """What UsageDescription and GenerationDescription have in common."""

    id = _key("identifier of the activity description, direction and role")
    role = models.CharField(max_length=ROLE_LENGTH, help_text="role of the entity in the activity")
    description = _text("what the entity is used or made for")
    type = _word("Main, Calibration, Preview, Setup, Quality, Log or Context")
    multiplicity = _word("how many entities may play the role: 1, 0..1, * ...")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.role


class UsageDescription(RoleDescription):
    """A role in which activities of a description use entities (`voprov:UsageDescription`)."""

    activity_description = models.ForeignKey(
        ActivityDescription,
        on_delete=models.CASCADE,
        db_index=False,
        related_name="usages",
        help_text="what it belongs to",
    )
    entity_description = models.ForeignKey(
        EntityDescription, on_delete=models.PROTECT, null=True, related_name="+", help_text="what is used"
    )

    class Meta:
        db_table = "provenance_usage_description"
        constraints = [models.UniqueConstraint(fields=["activity_description", "role"], name="usage_description_once")]


class GenerationDescription(RoleDescription):
    """A role in which activities of a description make entities (`voprov:GenerationDescription`)."""

    activity_description = models.ForeignKey(
        ActivityDescription,
        on_delete=models.CASCADE,
        db_index=False,
        related_name="generations",
        help_text="what it belongs to",
    )
    entity_description = models.ForeignKey(
        EntityDescription, on_delete=models.PROTECT, null=True, related_name="+", help_text="what is made"
    )

    class Meta:
        db_table = "provenance_generation_description"
        constraints = [
            models.UniqueConstraint(fields=["activity_description", "role"], name="generation_description_once")
        ]


class ParameterDescription(models.Model):
    """A parameter that activities of a description take (`voprov:ParameterDescription`)."""

    id = _key("identifier of the activity description and name")
    activity_description = models.ForeignKey(
        ActivityDescription,
        on_delete=models.CASCADE,
        db_index=False,
        related_name="parameters",
        help_text="what it belongs to",
    )
    name = models.CharField(max_length=ROLE_LENGTH, help_text="name of the parameter")
    datatype = _word("VOTable datatype")
    arraysize = _word("VOTable arraysize, empty for a scalar")
    xtype = _word("DALI xtype")
    unit = _word("VOUnit")
    ucd = _word("UCD", UCD_LENGTH)
    utype = _word("utype", UCD_LENGTH)
    min = models.TextField(null=True, db_column="min_value", help_text="least value allowed")
    max = models.TextField(null=True, db_column="max_value", help_text="greatest value allowed")
    default = models.TextField(null=True, db_column="default_value", help_text="value when none is given")
    options = models.JSONField(default=list, help_text="the values allowed, a JSON list")
    description = _text("what it means")

    class Meta:
        db_table = "provenance_parameter_description"
        constraints = [
            models.UniqueConstraint(fields=["activity_description", "name"], name="parameter_description_once")
        ]

    def __str__(self) -> str:
        return self.name


class ConfigFileDescription(models.Model):
    """A configuration file that activities of a description take (`voprov:ConfigFileDescription`)."""

    id = _key("identifier of the activity description and name")
    activity_description = models.ForeignKey(
        ActivityDescription,
        on_delete=models.CASCADE,
        db_index=False,
        related_name="config_files",
        help_text="what it belongs to",
    )
    name = models.CharField(max_length=ROLE_LENGTH, help_text="name of the file's role")
    content_type = _word("media type", CONTENT_TYPE_LENGTH)
    description = _text("what it configures")

    class Meta:
        db_table = "provenance_config_file_description"
        constraints = [
            models.UniqueConstraint(fields=["activity_description", "name"], name="config_file_description_once")
        ]

    def __str__(self) -> str:
        return self.name


class Activity(models.Model):
    """One run of something (`voprov:Activity`). Without `start_time` it is only known from others that refer to it."""

    id = _key("identifier: an IVOID, or another URI")
    name = _text("name for people")
    start_time = models.DateTimeField(null=True, help_text="begin, UTC")
    end_time = models.DateTimeField(null=True, help_text="end, UTC")
    status = _word("how it ended: COMPLETED, ERROR or ABORTED", STATUS_LENGTH)
    comment = _text("remark, such as why it failed")
    description = models.ForeignKey(
        ActivityDescription, on_delete=models.PROTECT, null=True, related_name="activities", help_text="what was run"
    )

    class Meta:
        db_table = "provenance_activity"
        indexes = [models.Index(fields=["start_time"], name="activity_start")]
        constraints = [
            models.CheckConstraint(
                condition=Q(start_time=None) | Q(end_time=None) | Q(end_time__gte=F("start_time")),
                name="activity_ends_after_start",
            )
        ]

    def __str__(self) -> str:
        return self.name or self.id


class Entity(models.Model):
    """A dataset, value or collection (`voprov:DatasetEntity`, `voprov:ValueEntity`, `voprov:Collection`)."""

    class Kind(models.TextChoices):
        DATASET = "dataset"
        VALUE = "value"
        COLLECTION = "collection"

    id = _key("identifier: obs_publisher_did for products of the archive")
    kind = models.CharField(
        max_length=16, choices=Kind.choices, default=Kind.DATASET, help_text="dataset, value or collection"
    )
    name = _text("name for people")
    value = models.TextField(null=True, db_column="entity_value", help_text="the value, if kind is value")
    location = _text("where it can be fetched")
    content_type = _word("media type", CONTENT_TYPE_LENGTH)
    sha256 = _word("SHA-256 of its bytes, hexadecimal")
    size = models.BigIntegerField(null=True, db_column="content_size", help_text="bytes")
    generated_at_time = models.DateTimeField(null=True, help_text="when it was complete, UTC")
    invalidated_at_time = models.DateTimeField(null=True, help_text="when it ceased to exist, UTC")
    comment = _text("remark")
    description = models.ForeignKey(
        EntityDescription, on_delete=models.PROTECT, null=True, related_name="entities", help_text="what it is"
    )

    class Meta:
        db_table = "provenance_entity"
        verbose_name_plural = "entities"
        indexes = [models.Index(fields=["sha256"], name="entity_sha256")]
        constraints = [
            models.CheckConstraint(condition=~Q(kind="value") | Q(value__isnull=False), name="value_entity_has_value"),
        ]

    def __str__(self) -> str:
        return self.name or self.id


class Agent(models.Model):
    """Somebody or something responsible (`voprov:Agent`)."""

    class Type(models.TextChoices):
        PERSON = "Person"
        ORGANIZATION = "Organization"
        SOFTWARE = "SoftwareAgent"

    id = _key("identifier")
    name = models.TextField(help_text="name for people")
    type = models.CharField(max_length=16, choices=Type.choices, help_text="Person, Organization or SoftwareAgent")
    comment = _text("remark")
    email = _text("address of electronic mail")
    affiliation = _text("institute")
    phone = _text("telephone number")
    address = _text("postal address")
    url = _text("page about it")

    class Meta:
        db_table = "provenance_agent"

    def __str__(self) -> str:
        return self.name


class Used(models.Model):
    """An activity used an entity in a role (`voprov:Used`)."""

    activity = models.ForeignKey(
        Activity, on_delete=models.CASCADE, db_index=False, related_name="used", help_text="the activity"
    )
    entity = models.ForeignKey(Entity, on_delete=models.PROTECT, related_name="usages", help_text="what it used")
    role = models.CharField(max_length=ROLE_LENGTH, help_text="in which role")
    time = models.DateTimeField(null=True, db_column="used_time", help_text="when it began to use it, UTC")
    description = models.ForeignKey(
        UsageDescription, on_delete=models.PROTECT, null=True, related_name="+", help_text="the role described"
    )

    class Meta:
        db_table = "provenance_used"
        verbose_name_plural = "used"
        constraints = [models.UniqueConstraint(fields=["activity", "entity", "role"], name="used_once")]

    def __str__(self) -> str:
        return f"{self.activity_id} used {self.entity_id} as {self.role}"


class WasGeneratedBy(models.Model):
    """An entity was made by an activity, at most one, in a role (`voprov:WasGeneratedBy`)."""

    entity = models.OneToOneField(
        Entity, on_delete=models.PROTECT, related_name="generation", help_text="what was made"
    )
    activity = models.ForeignKey(Activity, on_delete=models.CASCADE, related_name="generated", help_text="by what")
    role = models.CharField(max_length=ROLE_LENGTH, help_text="in which role")
    description = models.ForeignKey(
        GenerationDescription,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text="description of the role",
    )

    class Meta:
        db_table = "provenance_was_generated_by"
        verbose_name_plural = "was generated by"

    def __str__(self) -> str:
        return f"{self.entity_id} was generated by {self.activity_id} as {self.role}"


class WasDerivedFrom(models.Model):
    """An entity was made out of another (`voprov:Entity.usedEntity`)."""

    generated_entity = models.ForeignKey(
        Entity, on_delete=models.CASCADE, db_index=False, related_name="derived_from", help_text="what was made"
    )
    used_entity = models.ForeignKey(
        Entity, on_delete=models.PROTECT, related_name="derivatives", help_text="what it was made out of"
    )

    class Meta:
        db_table = "provenance_was_derived_from"
        verbose_name_plural = "was derived from"
        constraints = [
            models.UniqueConstraint(fields=["generated_entity", "used_entity"], name="was_derived_from_once"),
            models.CheckConstraint(condition=~Q(generated_entity=F("used_entity")), name="not_derived_from_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.generated_entity_id} was derived from {self.used_entity_id}"


class WasInformedBy(models.Model):
    """An activity was set off by another, or needed it to have run (`voprov:Activity.informant`)."""

    informed = models.ForeignKey(
        Activity, on_delete=models.CASCADE, db_index=False, related_name="informed_by", help_text="the later activity"
    )
    informant = models.ForeignKey(
        Activity, on_delete=models.PROTECT, related_name="informs", help_text="the earlier activity"
    )

    class Meta:
        db_table = "provenance_was_informed_by"
        verbose_name_plural = "was informed by"
        constraints = [
            models.UniqueConstraint(fields=["informed", "informant"], name="was_informed_by_once"),
            models.CheckConstraint(condition=~Q(informed=F("informant")), name="not_informed_by_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.informed_id} was informed by {self.informant_id}"


class WasAssociatedWith(models.Model):
    """An agent had a part in an activity (`voprov:WasAssociatedWith`)."""

    activity = models.ForeignKey(
        Activity, on_delete=models.CASCADE, db_index=False, related_name="associations", help_text="the activity"
    )
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="associations", help_text="the agent")
    role = _word("operator, observer, provider, ...", ROLE_LENGTH)

    class Meta:
        db_table = "provenance_was_associated_with"
        verbose_name_plural = "was associated with"
        constraints = [models.UniqueConstraint(fields=["activity", "agent", "role"], name="was_associated_with_once")]

    def __str__(self) -> str:
        return f"{self.activity_id} was associated with {self.agent_id} as {self.role}"


class WasAttributedTo(models.Model):
    """An agent is responsible for an entity (`voprov:WasAttributedTo`)."""

    entity = models.ForeignKey(
        Entity, on_delete=models.CASCADE, db_index=False, related_name="attributions", help_text="the entity"
    )
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="attributions", help_text="the agent")
    role = _word("author, creator, provider, publisher, ...", ROLE_LENGTH)

    class Meta:
        db_table = "provenance_was_attributed_to"
        verbose_name_plural = "was attributed to"
        constraints = [models.UniqueConstraint(fields=["entity", "agent", "role"], name="was_attributed_to_once")]

    def __str__(self) -> str:
        return f"{self.entity_id} was attributed to {self.agent_id} as {self.role}"


class HadMember(models.Model):
    """An entity belongs to a collection (`voprov:Collection.entity`)."""

    collection = models.ForeignKey(
        Entity, on_delete=models.CASCADE, db_index=False, related_name="members", help_text="the collection"
    )
    entity = models.ForeignKey(Entity, on_delete=models.PROTECT, related_name="memberships", help_text="the member")

    class Meta:
        db_table = "provenance_had_member"
        verbose_name_plural = "had member"
        constraints = [
            models.UniqueConstraint(fields=["collection", "entity"], name="had_member_once"),
            models.CheckConstraint(condition=~Q(collection=F("entity")), name="no_member_of_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.collection_id} had member {self.entity_id}"


class Parameter(models.Model):
    """A parameter of one run with the value used, as a text that round-trips (`voprov:Parameter`)."""

    name = models.CharField(max_length=ROLE_LENGTH, help_text="name of the parameter")
    value = models.TextField(db_column="param_value", help_text="the value used, defaults included")
    value_entity = models.ForeignKey(
        Entity, on_delete=models.PROTECT, null=True, related_name="+", help_text="where the value came from"
    )
    description = models.ForeignKey(
        ParameterDescription, on_delete=models.PROTECT, null=True, related_name="+", help_text="what it means"
    )

    class Meta:
        db_table = "provenance_parameter"

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


class ConfigFile(models.Model):
    """A configuration file of one run (`voprov:ConfigFile`)."""

    name = models.CharField(max_length=ROLE_LENGTH, help_text="name of the file's role")
    location = _text("where it can be fetched")
    comment = _text("remark")
    description = models.ForeignKey(
        ConfigFileDescription, on_delete=models.PROTECT, null=True, related_name="+", help_text="what it configures"
    )

    class Meta:
        db_table = "provenance_config_file"

    def __str__(self) -> str:
        return self.name


class WasConfiguredBy(models.Model):
    """An activity ran with a parameter or a configuration file (`voprov:WasConfiguredBy`)."""

    class ArtefactType(models.TextChoices):
        PARAMETER = "Parameter"
        CONFIG_FILE = "ConfigFile"

    activity = models.ForeignKey(
        Activity, on_delete=models.CASCADE, related_name="configurations", help_text="the activity"
    )
    artefact_type = models.CharField(max_length=16, choices=ArtefactType.choices, help_text="Parameter or ConfigFile")
    parameter = models.OneToOneField(
        Parameter, on_delete=models.CASCADE, null=True, related_name="configuration", help_text="the parameter"
    )
    config_file = models.OneToOneField(
        ConfigFile, on_delete=models.CASCADE, null=True, related_name="configuration", help_text="the file"
    )

    class Meta:
        db_table = "provenance_was_configured_by"
        verbose_name_plural = "was configured by"
        constraints = [
            models.CheckConstraint(
                condition=Q(artefact_type="Parameter", parameter__isnull=False, config_file__isnull=True)
                | Q(artefact_type="ConfigFile", parameter__isnull=True, config_file__isnull=False),
                name="configured_by_what_it_says",
            )
        ]

    def __str__(self) -> str:
        return f"{self.activity_id} was configured by a {self.artefact_type}"
