"""What names tell, and which of several processings of one acquisition is taken."""

import pytest

from darkroom.copernicus import names, versions
from darkroom.copernicus.products import Product

GRD = "S1A_IW_GRDH_1SDV_20150203T043109_20150203T043134_004454_00574F_"
WFR = "S3A_OL_2_WFR____20240701T000118_20240701T000418_{}_0179_114_116_1800_MAR_{}_003.SEN3"
CO = "S5P_{}_L2__CO_____{}_{}_21566_{}_{}.nc"


def product(name, begin="2020-01-01T00:00:00Z", end="", **given):
    parsed = names.parsed(name)
    begin, end = (parsed.begin, parsed.end) if parsed else (begin, end or begin)
    return Product(given.pop("id", name), name, begin, end, **given)


def chosen(*listed):
    kept, left = versions.latest([one if isinstance(one, Product) else product(one) for one in listed])
    assert len(kept) + len(left) == len(listed)
    return [one.name for one in kept]


@pytest.mark.parametrize(
    ("name", "mission", "kind", "begin", "version", "tile", "orbit"),
    [
        ("S2A_MSIL2A_20191213T070301_N0213_R063_T40TEP_20191213T094104.zip", "Sentinel-2", "S2MSI2A", "2019-12-13T07:03:01Z", "0213", "40TEP", 63),
        ("S1A_IW_SLC__1SDV_20180223T011634_20180223T011702_020727_02383A_9570.SAFE", "Sentinel-1", "IW_SLC__1S", "2018-02-23T01:16:34Z", "", "", 5),
        ("S1A_IW_GRDH_1SDV_20240607T000653_20240607T000718_054210_0697DA_6EE4_COG.SAFE", "Sentinel-1", "IW_GRDH_1S-COG", "2024-06-07T00:06:53Z", "", "", 63),
        ("S3A_SL_1_RBT____20171022T181525_20171022T181825_20181006T171303_0179_023_312______LR1_R_NT_003.SEN3", "Sentinel-3", "SL_1_RBT___", "2017-10-22T18:15:25Z", "003", "", 312),
        ("S5P_OFFL_L2__NP_BD7_20190409T125849_20190409T144019_07706_01_010002_20190415T122251.nc", "Sentinel-5P", "L2__NP_BD7", "2019-04-09T12:58:49Z", "01010002", "", None),
        ("S5P_PAL__L2__NO2____20200303T013547_20200303T031717_12367_01_020301_20211106T053815.nc", "Sentinel-5P", "L2__NO2___", "2020-03-03T01:35:47Z", "01020301", "", None),
        ("LC08_L1TP_191048_20190829_20190903_01_T1.tar.gz", "Landsat-8", "L1TP", "2019-08-29T00:00:00Z", "01", "191048", None),
        ("c_gls_NDVI_202003210000_GLOBE_PROBAV_V3.0.1_nc", "CLMS", "ndvi", "2020-03-21T00:00:00Z", "003.000.001", "", None),
        ("c_gls_FCOVER300-RT6_202403310000_GLOBE_OLCI_V1.1.2_cog", "CLMS", "fcover300", "2024-03-31T00:00:00Z", "001.001.002", "", None),
        ("z_cams_c_ecmf_20190422120000_prod_fc_sfc_040_aod865.nc", "CAMS", "aod865", "2019-04-22T12:00:00Z", "", "", None),
        ("S1A_AUX_INS_V20140406T133000_G20160215T161024.SAFE", "Sentinel-1", "AUX_INS", "2014-04-06T13:30:00Z", "", "", None),
        ("S1A_OPER_AUX_POEORB_OPOD_20210301T134450_V20140408T225944_20140410T005944.EOF", "Sentinel-1", "AUX_POEORB", "2014-04-08T22:59:44Z", "", "", None),
    ],
)  # fmt: skip
def test_what_a_name_tells(name, mission, kind, begin, version, tile, orbit):
    parsed = names.parsed(name)
    assert (parsed.mission, parsed.type, parsed.begin, parsed.version, parsed.tile, parsed.orbit) == (
        mission, kind, begin, version, tile, orbit,
    )  # fmt: skip


@pytest.mark.parametrize(
    "name", ["", "notes.txt", "20190729_d-ACRI-L3-SPM-MULTI_4KM-GLO-DT-v02.nc", "S2A_MSIL2A_2019.SAFE"]
)
def test_other_names_tell_nothing(name):
    assert names.parsed(name) is None
    assert names.candidates(name) == []


def test_paths_of_archives_are_guesses_the_likeliest_first():
    old = names.candidates("S2A_MSIL2A_20220217T183431_N0510_R027_T13VEK_20240516T022440")
    assert old[0].startswith("Sentinel-2/MSI/L2A_N0500/2022/02/17/S2A_MSIL2A") and old[0].endswith(".SAFE")
    new = names.candidates("S2A_MSIL1C_20240116T000741_N0510_R130_T51CVP_20240116T010505.SAFE")
    assert new[0] == "Sentinel-2/MSI/L1C/2024/01/16/S2A_MSIL1C_20240116T000741_N0510_R130_T51CVP_20240116T010505.SAFE"
    assert "OPTICAL/LEVEL-1C/2024/01/16/S2A_MSIL1C_20240116T000741_N0510_R130_T51CVP_20240116T010505.zip" in new
    cog = names.candidates("S1A_IW_GRDH_1SDV_20240607T000653_20240607T000718_054210_0697DA_6EE4_COG.SAFE")
    assert cog[0].startswith("Sentinel-1/SAR/IW_GRDH_1S-COG/2024/06/07/")
    air = names.candidates("S5P_OFFL_L2__NO2____20200303T013547_20200303T031717_12367_01_010302_20200306T053815.nc")
    assert air[0].startswith("Sentinel-5P/TROPOMI/L2__NO2___/2020/03/03/")


def test_a_wrong_mission_or_type_gets_the_nearest_name():
    assert names.mission_of("sentinel-5 precursor") == names.mission_of("S5P") == "Sentinel-5P"
    assert names.type_of("l2a", "Sentinel-2") == "S2MSI2A"
    assert names.type_of("All S3", "Sentinel-3") == ""
    assert names.mission_of_type("OL_2_WFR___") == "Sentinel-3"
    with pytest.raises(ValueError, match="mission: 'Sentinel-9' is unknown; did you mean 'Sentinel-"):
        names.mission_of("Sentinel-9")
    with pytest.raises(ValueError, match="'L2__NO2' is no product type of Sentinel-5P; did you mean 'L2__NO2___'"):
        names.type_of("L2__NO2", "Sentinel-5P")


def test_the_newer_processor_of_sentinel_1_wins():
    old = product(
        f"{GRD}FEC3.SAFE", attributes={"processorVersion": "002.36", "processingDate": "2015-02-03T08:04:33Z"}
    )
    new = product(
        f"{GRD}6D00.SAFE", attributes={"processorVersion": "002.70", "processingDate": "2016-04-18T08:30:57Z"}
    )
    assert chosen(old, new) == chosen(new, old) == [new.name]


def test_a_cog_is_no_processing_of_the_plain_product():
    assert len(chosen(f"{GRD}FEC3.SAFE", f"{GRD}6D00_COG.SAFE")) == 2


def test_the_baseline_goes_before_the_time_of_processing():
    name = "S2A_MSIL2A_20220217T183431_N{}_R027_T13VEK_{}.SAFE"
    old, new = name.format("0400", "20240601T000000"), name.format("0510", "20240516T022440")
    assert chosen(old, new) == [new]


def test_of_twins_the_later_one_is_taken():
    name = "S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T02215{}.SAFE"
    assert chosen(name.format(7), name.format(8)) == chosen(name.format(8), name.format(7)) == [name.format(8)]


def test_timeliness_of_sentinel_3():
    nrt, stc, ntc = (
        WFR.format(made, kind)
        for made, kind in (("20240701T021000", "O_NR"), ("20240701T200000", "O_ST"), ("20240702T073235", "O_NT"))
    )
    assert chosen(nrt, stc, ntc) == [ntc]
    assert chosen(nrt, stc) == [stc]
    again = WFR.format("20250102T073235", "R_NT")
    assert chosen(ntc, again) == [again]


def test_frames_of_one_orbit_are_kept_apart():
    other = (
        WFR.format("20240702T073235", "O_NT")
        .replace("_1800_", "_1980_")
        .replace("T000118_20240701T000418", "T000418_20240701T000718")
    )
    assert len(chosen(WFR.format("20240702T073235", "O_NT"), other)) == 2


def test_an_orbit_of_sentinel_5p_stands_for_its_slices():
    orbit = ("20211211T104909", "20211211T123039")
    rpro = CO.format("RPRO", *orbit, "03_020400", "20220905T000938")
    offl = CO.format("OFFL", *orbit, "02_020301", "20211213T003805")
    slices = [
        CO.format("NRTI", "20211211T110402", "20211211T110902", "02_020301", "20211211T114300"),
        CO.format("NRTI", "20211211T110900", "20211211T111402", "02_020301", "20211211T114800"),
    ]
    assert chosen(*slices, offl, rpro) == [rpro]
    assert chosen(*slices, offl) == [offl]
    assert chosen(*slices) == slices
    again = slices[0].replace("20211211T114300", "20211211T125959")
    assert chosen(*slices, again) == [slices[1], again]


def test_land_products_by_format_consolidation_and_version():
    name = "c_gls_FCOVER300{}_202403310000_GLOBE_OLCI_V1.1.{}{}"
    assert chosen(name.format("-RT0", 1, "_nc"), name.format("-RT6", 1, "_nc")) == [name.format("-RT6", 1, "_nc")]
    assert chosen(name.format("", 2, "_nc"), name.format("", 10, "_nc")) == [name.format("", 10, "_nc")]
    assert len(chosen(name.format("", 1, "_nc"), name.format("", 1, "_cog"))) == 2


def test_orbit_files_by_the_time_they_were_made():
    name = "S1A_AUX_INS_V20140406T133000_G{}.SAFE"
    assert chosen(name.format("20150504T145310"), name.format("20251015T074233")) == [name.format("20251015T074233")]


def test_unknown_names_are_all_kept():
    assert chosen("one.nc", "two.nc", "S2A_OPER_PRD_MSIL1C_PDMC_20160101.SAFE") == [
        "one.nc",
        "two.nc",
        "S2A_OPER_PRD_MSIL1C_PDMC_20160101.SAFE",
    ]


@pytest.mark.parametrize(
    ("keep", "left"),
    [("all", [0, 1, 2, 3]), ({"newest": 2}, [2, 3]), ({"one a": "day"}, [1, 2, 3]), ({"one a": "week"}, [1, 2]), ({"one a": "month"}, [1, 3])],
)  # fmt: skip
def test_what_is_kept(keep, left):
    days = ("2020-06-29T10:00:00Z", "2020-06-29T11:00:00Z", "2020-07-08T10:00:00Z", "2020-07-09T10:00:00Z")
    clouds = (50.0, 10.0, 0.5, 0.2)
    listed = [
        Product(str(at), f"{at}.nc", day, day, attributes={"cloudCover": cloud})
        for at, (day, cloud) in enumerate(zip(days, clouds, strict=True))
    ]
    kept, dropped = versions.kept(listed, keep)
    expected = [1, 3] if keep == {"one a": "week"} else left
    assert [int(one.id) for one in kept] == expected
    assert len(dropped) == 4 - len(expected)
