"""Which cubes are made of the planetary rows of a sheet, from which, and what each step is asked.

The words, here and in the rules: an image is a row of a camera, a composite one that is made of images of other rows.
A cube is of a stage (ingested, located, calibrated, joined, corrected, map, ...) and a part: some cameras and archives
cut an image up, into framelets (`vis.even`) or channels of CCDs (`RED4_0`); the part of a whole one is "". Parts that
become one map are a set: vis.even and vis.odd are the set `vis`, parts without a point the set "".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from darkroom import schema
from darkroom.campaign import Campaign, CampaignError, Pipeline
from darkroom.campaign.sheet import Row, flow_map
from darkroom.planetary import recipes, tables
from darkroom.planetary.geometry import basemap
from darkroom.planetary.images import isd_names
from darkroom.planetary.instruments import registry
from darkroom.planetary.instruments.registry import Camera
from darkroom.planetary.recipes import Recipe
from darkroom.schema import nearest

# Recipes of composites, and the stage that they end in.
COMPOSITES = {"mosaic": "mosaic", "stereo": "terrain", "colour": "colour"}
JOIN = ("stitch", "spice", "align", "register", "place", "balance")  # stages of ISIS that make one image of channels
CONTROL = ("features", "combine", "adjust")  # stages of ISIS that adjust the cameras of images to each other
OF_CAMPAIGN = ("engine", "container", "modules", "batch", "recipes", "instruments", "pds4")


@dataclass(frozen=True)
class Cube:
    """A cube: the dataset in whose folder it is, its stage, and its part or set."""

    dataset: str
    stage: str
    part: str = ""

    @property
    def name(self) -> str:
        """The name of its file, without the suffix."""
        return f"{self.stage}.{self.part}" if self.part else self.stage

    @property
    def suffix(self) -> str:
        """Its part with the point in front of it."""
        return f".{self.part}" if self.part else ""

    @property
    def path(self) -> str:
        """Where it is, with the places of the workflow."""
        return f"<results>/<campaign>/{self.dataset}/{self.name}.cub"


class Mapped:
    """What images and composites have in common.

    row -- of the sheet; sources -- what its map is made of: name -> (image, part)
    """

    row: Row
    sources: dict[str, tuple["Image", str]]

    @property
    def has_shape(self) -> bool:
        """Whether any of its images is seen on the heights of a DEM."""
        return any(image.row.options["shape"] for image, _ in self.sources.values())

    def cube(self, stage: str, part: str = "") -> Cube:
        """One of its cubes."""
        return Cube(self.row.dataset, stage, part)

    @property
    def to_project(self) -> dict[str, Cube]:
        """The cube that is projected, for each source."""
        return {name: image.lit(part) for name, (image, part) in self.sources.items()}

    def to_merge(self, one: str) -> list[Cube]:
        """The projected cubes that the map of a set is made of."""
        return [self.cube("projected", name) for name, (_, part) in self.sources.items() if set_of(part) == one]

    def beside(self, one: str) -> list[Cube]:
        """The projected cubes that the maps of the other sets are made of."""
        return [cube for other in self.sets if other != one for cube in self.to_merge(other)]


@dataclass(frozen=True)
class Image(Mapped):
    """A row that is an image of a camera."""

    row: Row
    name: str  # of its recipe
    recipe: Recipe
    engine: str
    camera: Camera | None  # that our own code knows

    controlled = False

    @property
    def located(self) -> bool:
        """Whether it is asked for where the camera stood, so that a map can be made."""
        return self.row.options["geometry"] != "none"

    @property
    def files(self) -> list[str]:
        """The file of its camera, where that is of the user's own, so that a change of it is seen."""
        return [self.camera.file] if self.camera and self.camera.file and self.engine == "native" else []

    @property
    def asks_kernels(self) -> bool:
        """Whether its geometry is made of SPICE kernels."""
        return self.row.options["geometry"] == "spice"

    @property
    def asks_web(self) -> bool:
        """Whether the web service is asked for its geometry."""
        return self.row.options["geometry"] == "web"

    @property
    def joined(self) -> bool:
        """Whether its parts are made one before it is projected."""
        return self.engine == "isis" and "stitch" in self.recipe.stages and self.located

    @property
    def is_located(self) -> bool:
        """Whether each of its parts gets its geometry before it is calibrated."""
        return self.located and not self.joined

    @property
    def level(self) -> str:
        """The stage that is delivered: calibrated, or ingested where nobody asks for more or more cannot be had."""
        able = self.engine == "isis" or self.recipe.native == "calibrated"
        return "calibrated" if able and self.row.options["calibrate"] else "ingested"

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The parts that it comes in."""
        of_camera = () if recipes.is_cube(self.row.source) else self.recipe.parts
        names = self.row.options["parts"] or of_camera
        source = Path(self.row.source)
        if not names and source.is_dir():  # a file for each channel of a camera of many CCDs
            names = (recipes.unpacked(path.name) for path in source.iterdir())
            fitting = (re.fullmatch(self.recipe.names, name, re.IGNORECASE) for name in names)
            names = sorted(f"{file['ccd']}_{file['channel']}" for file in fitting if file and "ccd" in file.groupdict())
        return tuple(names) or ("",)

    @property
    def projected(self) -> tuple[str, ...]:
        """The parts that are projected, or compared with the ground."""
        return ("",) if self.joined else self.parts

    @property
    def sets(self) -> tuple[str, ...]:
        """The sets that its parts are, each a map of its own."""
        return tuple(dict.fromkeys(map(set_of, self.projected)))

    def to_calibrate(self, part: str) -> Cube:
        """What a part is calibrated from: the cube with its geometry, where there is one."""
        return self.cube("located" if self.is_located else "ingested", part)

    def to_correct(self, part: str) -> Cube:
        """What is brought to one light, where that is asked for."""
        return self.cube("joined" if self.joined else self.level, part)

    def lit(self, part: str) -> Cube:
        """What is projected: brought to one light, where that is asked for."""
        corrected = self.row.options["photometry"]["model"] != "none"
        return self.cube("corrected", part) if corrected else self.to_correct(part)

    @property
    def to_join(self) -> list[Cube]:
        """The channels that are made one."""
        return [self.cube("calibrated", part) for part in self.parts]

    @property
    def sources(self):
        """Its projected parts."""
        return {".".join(filter(None, (self.row.dataset, part))): (self, part) for part in self.projected}

    @property
    def delivered(self) -> list[Cube]:
        """The cubes that it ends in."""
        images = [self.cube(self.level, part) for part in self.parts]
        joined = [self.cube("joined")] if self.joined else []
        maps = [self.cube("map", one) for one in self.sets] if self.located else []
        return [*images, *joined, *maps]

    @property
    def members(self) -> list[Cube]:
        """The cubes of other datasets that tell when it was taken."""
        return []

    @property
    def besides(self) -> list[Cube]:
        """Cubes that are products without a GeoTIFF."""
        has_backplanes = self.row.options["backplanes"] and self.located
        backplanes = [self.cube("backplanes", part) for part in self.projected] if has_backplanes else []
        return [*(self.cube("ingested", part) for part in self.parts), *backplanes]

    @property
    def stages(self) -> list[str]:
        """The stages that it goes through; what only engine isis does is done by its programs."""
        options, on_ground = self.row.options, self.located
        applies = {
            "import": True,
            "calibrate": self.level == "calibrated",
            "spice": options["geometry"] in ("local", "web") and not self.joined,
            "correct": options["photometry"]["model"] != "none",
            "backplanes": options["backplanes"],
            "map": on_ground,
            "project": on_ground,
            "merge": len(self.sources) > len(self.sets),
        }
        return [stage for stage, runs in applies.items() if runs] + (list(JOIN) if self.joined else [])

    @property
    def description(self) -> list[str]:
        """The camera description of an image on this machine, and its DEM, so that a change of them is seen."""
        shape = [self.row.options["shape"]] if self.row.options["shape"] else []
        if not self.row.is_local:
            return shape
        named = isd_names(self.row.options["isd"], Path(self.row.source))
        return [str(path) for path in named if path.is_file()][:1] + shape


@dataclass(frozen=True)
class Composite(Mapped):
    """A row that is made of the images of other rows."""

    row: Row
    stage: str  # that it ends in
    images: tuple[Image, ...]

    asks_web = False

    @property
    def controlled(self) -> bool:
        """Whether the cameras of its images are adjusted to each other."""
        return self.row.options["control"]["adjust"] != "none"

    @property
    def network(self) -> list[str]:
        """The control network that is given for its images, so that a change of it is seen."""
        given = self.row.options["control"]["network"]
        return [given] if given else []

    @property
    def to_control(self) -> dict[str, Cube]:
        """The cube whose camera is adjusted, for each source."""
        return super().to_project

    @property
    def to_project(self) -> dict[str, Cube]:
        """The cube that is projected, for each source: with the adjusted camera, where that is asked for."""
        names = {name: self.cube("controlled", name) for name in self.sources}
        return names if self.controlled else self.to_control

    @property
    def besides(self) -> list[Cube]:
        """Cubes that are products without a GeoTIFF."""
        return list(self.to_project.values()) if self.controlled else []

    @property
    def sets(self) -> tuple[str, ...]:
        """The sets that it is made of, each a cube of its own."""
        return self.images[0].sets

    @property
    def sources(self):
        """The projected parts of its images."""
        return {name: source for image in self.images for name, source in image.sources.items()}

    @property
    def delivered(self) -> list[Cube]:
        """The cubes that it ends in."""
        return [self.cube(self.stage, one) for one in self.sets]

    @property
    def members(self) -> list[Cube]:
        """The cubes of its images, which tell when they were taken: its own do not."""
        return [image.to_correct(part) for image, part in self.sources.values()]

    @property
    def stages(self) -> list[str]:
        """The stages that it goes through."""
        stages = {"terrain": ["terrain"], "colour": ["map", "project"]}
        control = list(CONTROL) if self.controlled else []
        return control + stages.get(self.stage, ["map", "project", "merge"])


def set_of(part: str) -> str:
    """The set of a part."""
    return part.rpartition(".")[0]


def programs_run(recipe: Recipe, stages: list[str], parameters: dict) -> set[str]:
    """The programs of stages that run; an optional one does where it has parameters, of the row or of our options."""
    steps = [(stage, step) for stage in stages for step in recipe.stages.get(stage, [])]
    return {
        step["program"]
        for stage, step in steps
        if not step.get("optional") or stage == "correct" or step["program"] in parameters
    }


class Plan:
    """What is made of the planetary rows of a sheet.

    rows -- of the planetary pipeline by dataset, with all their options
    cameras -- recipe -> camera, of those that our own code knows
    contents -- of tables of recipes of the ISIS engine
    config -- the section of the config
    good -- the rows with which nothing is wrong
    """

    def __init__(self, rows: dict[str, Row], cameras: dict[str, Camera], contents: list[dict], config: dict):
        self.rows, self.cameras, self.config, self.engine = rows, cameras, config, config["engine"]
        ours = recipes.OF_CUBES | {name: camera.recipe(name) for name, camera in cameras.items()}
        self.recipes = recipes.completed(ours, contents)
        self.programs = set().union(*map(recipes.programs, self.recipes.values()))
        self.good = list(rows.values())
        self._made: dict[str, Image | Composite] = {}
        self._recipe_of: dict[str, str] = {}

    def __getitem__(self, dataset: str) -> Image | Composite:
        """What a row is: an image of a camera, or a composite. KeyError for a row of another pipeline."""
        if dataset not in self._made:
            self._made[dataset] = self._of(self.rows[dataset])
        return self._made[dataset]

    def _of(self, row):
        name = self.recipe_name(row)
        if name in COMPOSITES:
            return Composite(row, COMPOSITES[name], tuple(self[image] for image in row.options["images"]))
        return Image(row, name, self.recipes[name], self.engine, self.cameras.get(name))

    def recipe_name(self, row: Row) -> str:
        """The recipe of a row: the one it names, or the one that knows the name of its file; "" where none does, or
        several do."""
        if row.recipe:
            return row.recipe
        name = recipes.unpacked(Path(row.source).name)
        if name not in self._recipe_of:
            fitting = [one for one, recipe in self.recipes.items() if re.fullmatch(recipe.names, name, re.IGNORECASE)]
            self._recipe_of[name] = fitting[0] if len(fitting) == 1 else ""
        return self._recipe_of[name]

    def is_image(self, dataset: str) -> bool:
        """Whether a dataset of the sheet is an image of a camera."""
        return dataset in self.rows and self.recipe_name(self.rows[dataset]) in self.recipes

    def products(self, row: Row) -> list[str]:
        """The files that a dataset ends in."""
        made, options = self[row.dataset], row.options
        suffixes = ["cub", "tif", *(["xml", "img"] if self.config["pds4"] else [])]
        delivered = [f"{cube.name}.{suffix}" for cube in made.delivered for suffix in suffixes]
        besides = [f"{cube.name}.cub" for cube in made.besides]
        tiles = ["precomputed/info", "neuroglancer.json"] if options["tiles"] else []
        control = ["control.net", "control.csv"] if made.controlled else []
        return list(dict.fromkeys([*besides, *control, *delivered, *tiles, "preview.png", "item.json"]))

    def records(self, row: Row) -> list[str]:
        """What its steps have written down."""
        tiles = ["volume.json", "precomputed_check.json"] if row.options["tiles"] else []
        return ["planetary.json", *(["control.json"] if self[row.dataset].controlled else []), *tiles]

    def problems(self, row: Row) -> Iterator[str]:
        """What is wrong with a row, beyond its options by themselves."""
        name = self.recipe_name(row)
        if recipes.unpacked(row.source).lower().endswith(".xml"):
            yield "source: PDS4, not read; right is a product of PDS3"
        elif name in COMPOSITES:
            yield from self._problems_of_composite(row, name)
        elif name in self.recipes:
            yield from self._problems_of_image(row, name)
        else:
            wrong = f"{name!r} is unknown" if name else f"the name of {row.source!r} does not tell its instrument"
            yield f"recipe: {wrong}{nearest(name, [*self.recipes, *COMPOSITES])}"
        own = flow_map(row.text)
        for key in ("feather", "equalize"):
            if key in own and name != "mosaic":
                yield f"options {key}: is of rows of recipe mosaic"
        if name not in COMPOSITES and "control" in own:
            yield f"options control: is of rows that are made of images, of recipe {', '.join(COMPOSITES)}"
        if name in COMPOSITES and "shape" in own:
            yield "options shape: is of images; give it to those that this row is made of"
        for program in row.options["parameters"].keys() - self.programs:
            yield f"options parameters: no recipe runs {program!r}{nearest(program, self.programs)}"
        yield from self._problems_of_map(row.options["map"])
        for key in OF_CAMPAIGN:
            if row.options[key] != self.config[key]:
                yield f"options: {key!r} is of the whole campaign; set it in the config"

    def _problems_of_map(self, options):
        oblique = options["projection"] == "obliquecylindrical" and not options["template"]
        if oblique and "pole" not in options:
            yield "options map.pole: obliquecylindrical needs it: [latitude, longitude, rotation]"
        if "pole" in options and not oblique:
            yield "options map.pole: only projection obliquecylindrical has one"
        if code := options.get("crs"):
            try:
                basemap.keywords(code)
            except ValueError as error:
                yield f"options {error}"

    @property
    def datasets(self) -> list[str]:
        """The datasets that are made."""
        return [row.dataset for row in self.good]

    @property
    def mapped(self) -> list[str]:
        """The datasets that have a map, and so a footprint."""
        return [name for name in self.datasets if self[name].delivered[-1].stage in ("map", *COMPOSITES.values())]

    @property
    def ingested(self) -> list[Cube]:
        """The cubes of all images that come from an archive."""
        images = (made for made in map(self.__getitem__, self.datasets) if isinstance(made, Image))
        return [image.cube("ingested", part) for image in images for part in image.parts]

    @property
    def located(self) -> list[Cube]:
        """The cubes that get the geometry of their camera."""
        images = (made for made in map(self.__getitem__, self.datasets) if isinstance(made, Image))
        return [image.cube("located", part) for image in images if image.is_located for part in image.parts]

    @property
    def of_kernels(self) -> list[Cube]:
        """Those whose geometry is made of SPICE kernels."""
        return [cube for cube in self.located if self[cube.dataset].asks_kernels]

    @property
    def kernels(self) -> list[str]:
        """Where these are, of all images."""
        places = (place for cube in self.of_kernels for place in self[cube.dataset].row.options["kernels"])
        return list(dict.fromkeys(places))

    @property
    def delivered(self) -> list[Cube]:
        """The cubes that all datasets end in."""
        return [cube for dataset in self.datasets for cube in self[dataset].delivered]

    @property
    def asks_web(self) -> bool:
        """Whether any image asks the web service for its geometry."""
        return any(self[dataset].asks_web for dataset in self.datasets)

    @property
    def needs(self) -> dict[str, dict]:
        """What is needed of ISIS: recipe -> its title, areas and web_spice, ways of geometry of its rows, programs."""
        needs = {}
        for made in map(self.__getitem__, self.datasets):
            images = made.images if isinstance(made, Composite) else [made]
            for image in images:
                need = needs.setdefault(image.name, {"geometry": set(), "programs": set()})
                need["geometry"] |= {made.row.options["geometry"]} if made is image else set()
                need["programs"] |= programs_run(image.recipe, made.stages, made.row.options["parameters"])
        return {
            name: {key: sorted(values) for key, values in need.items()}
            | {key: getattr(self.recipes[name], key) for key in ("title", "areas", "web_spice")}
            for name, need in sorted(needs.items())
        }

    def _problems_of_composite(self, row, name):
        images = row.options["images"]
        if len(images) < 2:
            yield "options images: name two datasets or more, such as {images: [left, right]}"
        if name == "stereo" and len(images) > 2:
            yield f"options images: a stereo pair is of two datasets, not of {len(images)}"
        if name == "stereo" and self.engine == "native":
            yield "recipe: stereo needs engine: isis in the config"
        if name == "colour" and len(images) != 3:
            yield f"options images: a colour image is of three datasets, red, green and blue, not of {len(images)}"
        for held in row.options["equalize"]["hold"]:
            if held not in images:
                yield f"options equalize.hold: {held!r} is none of its images{nearest(held, images)}"
        for held in row.options["control"]["hold"]:
            if held not in images:
                yield f"options control.hold: {held!r} is none of its images{nearest(held, images)}"
        for image in images:
            if not self.is_image(image):
                yield f"options images: {image!r} is no planetary image of this sheet{nearest(image, self.rows)}"
            elif not self[image].located:
                yield f"options images: {image!r} has no geometry; give it one in its options"
            elif name == "colour" and len(self[image].projected) > 1:
                yield f"options images: {image!r} is of several parts; a colour image is of whole ones"
            elif row.options["control"]["adjust"] != "none" and len(self[image].projected) > 1:
                yield f"options control: {image!r} is of several parts; control is of whole images"

    def _problems_of_image(self, row, name):
        geometry = row.options["geometry"]
        if not row.source:
            yield f"source: an image has one; only rows of {', '.join(COMPOSITES)} have none"
        if self.engine == "native" and not self.recipes[name].native:
            yield f"recipe: {name} needs engine: isis in the config"
        if geometry == "attached" and not (recipes.is_cube(row.source) or name == recipes.CUBE):
            yield "options geometry: attached is of cubes of ISIS, which have it; this source is none"
        if self.engine == "isis" and not self.recipes[name].stages.get("import") and name != recipes.CUBE:
            yield f"recipe: {name} is of engine native alone; no table of recipes says what ISIS does with it"
        if self.engine == "native" and geometry in ("local", "web"):
            yield f"options geometry: {geometry} needs engine: isis in the config; engine native takes isd or spice"
        if geometry == "spice":
            yield from self._problems_of_kernels(row, name)
        if self.engine == "isis" and geometry == "none" and row.options["calibrate"]:
            for step in self.recipes[name].stages.get("calibrate", []):
                if step.get("camera"):
                    yield f"options geometry: {step['program']} needs it; give local or web, or calibrate: false"
        yield from self._problems_of_sections(row, name)
        if row.options["shape"] and (self.engine == "isis" or geometry not in ("isd", "spice", "attached")):
            ways = "isd, spice or attached"
            yield f"options shape: is of engine native, geometry {ways}; ISIS has {{spiceinit: {{shape: user}}}}"
        if geometry == "none" and (row.options["backplanes"] or row.options["photometry"]["model"] != "none"):
            yield "options: backplanes and photometry need geometry; it is none"

    def _problems_of_kernels(self, row, name):
        camera = self.cameras.get(name)
        if self.engine == "isis":
            yield "options geometry: spice is of engine native; engine isis takes local, which runs spiceinit"
        if camera and not camera.sensor:
            yield f"options geometry: no geometry from kernels for recipe {name}; give isd"
        if not row.options["kernels"]:
            yield "options kernels: geometry spice needs them, metakernels or folders, such as [mk/mro_2009.tm]"
        for place in row.options["kernels"]:
            if not Path(place).exists():
                yield f"options kernels: {place} is not there"

    def _problems_of_sections(self, row, name):
        """Options of the row itself that its camera has not; those of the config may be for other cameras."""
        camera = self.cameras.get(name)
        for section in ("ingest", "calibration"):
            options = camera.options.get(section, {}) if camera else {}
            for option in flow_map(row.text).get(section, {}):
                if option not in options:
                    yield f"options {section}: {name} does not read {option!r}; it has {', '.join(options) or 'none'}"


def of(campaign: Campaign) -> Plan:
    """The plan of a campaign, which gets the pipeline `planetary` by it.

    Raises CampaignError naming a camera or table of the user's own that cannot be read.
    """
    config = campaign.config["planetary"]
    rules, files = schema.load("config")["properties"]["planetary"]["properties"], tuple(config["instruments"])
    try:
        rows = {row.dataset: row for row in campaign.of("planetary")}
        plan = Plan(rows, registry.of_recipes(files), tables.read([tables.OURS, *config["recipes"]]), config)
        options = with_cameras(rules, registry.options(files))
    except ValueError as error:
        raise CampaignError(str(error).splitlines()) from error
    entry = Pipeline(plan.products, plan.records, options=options, problems=plan.problems, needs_source=False)
    campaign.add("planetary", entry)
    plan.good = campaign.good("planetary")
    return plan


def with_cameras(rules: dict, options: dict) -> dict:
    """The options of the pipeline with those that cameras have: both name -> rule."""
    sections = {name: rules[name] | {"additionalProperties": False, "properties": own} for name, own in options.items()}
    return rules | sections
