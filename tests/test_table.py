import gzip
import json
import math

import numpy as np
import pytest

from fastdnn.datasets.table import Column, Table, read_csv
from fastdnn.datasets.table_encoder import TableEncoder, guess_task


@pytest.fixture
def write(tmp_path):
    """Write a CSV file and return its path."""

    def _write(text, name="table.csv"):
        path = tmp_path / name
        data = text.encode() if isinstance(text, str) else text
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return _write


def table(**columns):
    made = tuple(
        Column(name, np.array(values, np.float64 if not isinstance(values[0], str) else None))
        for name, values in columns.items()
    )
    return Table(made, len(made[0].values), True)


class TestReadCsv:
    @pytest.mark.parametrize("name", ["table.csv", "table.csv.gz"])
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("newline", ["\n", "\r\n"])
    def test_header_numbers_and_words(self, write, name, delimiter, newline):
        rows = [["size", "colour", "price"], ["1", "red", "2.5"], ["-3e2", "blue", ".5"]]
        text = newline.join(delimiter.join(cells) for cells in rows)
        read = read_csv(write(text, name))
        assert read.has_header and read.names == ["size", "colour", "price"] and read.rows == 2
        assert [column.is_numeric for column in read.columns] == [True, False, True]
        assert read.columns[0].values.tolist() == [1.0, -300.0]
        assert read.columns[1].values.tolist() == ["red", "blue"]
        assert read.columns[2].values.tolist() == [2.5, 0.5]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("1,2\n3,4\n", False),
            ("a,b\n1,2\n", True),
            ("a,b\nc,d\ne,f\n", True),  # words only: none of the first line comes again
            ("a,b\nc,d\na,f\n", False),
            ("a,a\n1,2\n", False),  # names differ
            ("a,1\n1,2\n", False),
            (",a,b\n0,1,2\n1,3,4\n", True),  # a data frame's index has no name
            (",,b\n0,1,2\n", False),
            ("?,a\n1,2\n", False),
            ("a,b\n", False),
            ("a\n1\n2\n", True),
        ],
    )
    def test_header_detection(self, write, text, expected):
        assert read_csv(write(text)).has_header is expected

    def test_header_can_be_said(self, write):
        path = write("2019,2020\n1,2\n3,4\n")
        assert read_csv(path).names == ["column 0", "column 1"]
        assert read_csv(path, header=True).names == ["2019", "2020"]
        assert read_csv(write("a,b\n1,2\n"), header=False).rows == 2

    def test_missing_values(self, write):
        text = "x,w\n1,a\n?,\nNA,n/a\nnan,NULL\n,b\n"
        numbers, words = read_csv(write(text)).columns
        assert numbers.is_numeric and numbers.missing.tolist() == [False, True, True, True, True]
        assert words.values.tolist() == ["a", "", "", "", "b"]
        assert words.missing.tolist() == [False, True, True, True, False]

    def test_quotes_blanks_bom_and_empty_lines(self, write):
        text = '\ufeffname, x\n\n"Smith, J", 1\n  \n"a ""b""\nc", 2\n'
        names, x = read_csv(write(text)).columns
        assert (names.name, x.name) == ("name", "x")
        assert names.values.tolist() == ["Smith, J", 'a "b"\nc']
        assert x.values.tolist() == [1.0, 2.0]

    @pytest.mark.parametrize("word", ["1_000", "0x10", "1e", "--1", "१", "1 2", "."])
    def test_what_python_may_take_for_numbers_but_people_do_not(self, write, word):
        column = read_csv(write(f"x,y\n1,1\n{word},2\n")).columns[0]
        assert not column.is_numeric and column.values[1] == word

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ("", "table.csv is empty"),
            ("\n\n", "table.csv is empty"),
            ("a,b\n1,2\n1,2,3\n", "line 3 has 3 cells; expected 2 as in line 1"),
            ("\na,b\n1,2\n\n1\n", "line 5 has 1 cells; expected 2 as in line 2"),
            ("x,y\n1,2\n3,inf\n", "line 3: column 'y' holds an infinite number"),
            ("x,y\n1,2\n3,1e999\n", "line 3: column 'y' holds an infinite number"),
            (b"x,y\n1,\xff\xfe\n", "is not UTF-8 text"),
            (b"\x89PNG\r\n\x1a\n\0\0", "is not UTF-8 text"),
            ('a,b\n"1,2\n', "line 2 is not CSV: unexpected end of data"),
            ('a,b\n"1"x,2\n', "line 2 is not CSV"),
            ("a,b\n" + "x" * 200_000 + ",1\n", "line 2 is not CSV: field larger"),
            (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-6], "is a damaged gzip file"),
        ],
    )
    def test_bad_files(self, write, data, message):
        with pytest.raises(ValueError, match=rf"^\[read_csv\] table.csv.*{message}|{message}"):
            read_csv(write(data))

    def test_a_line_without_end_is_not_read_to_its_end(self, write, monkeypatch):
        monkeypatch.setattr("fastdnn.datasets.table._LONGEST_LINE", 100)
        lines = ["a,b", "1,2", "3," + " " * 98]
        assert read_csv(write("\n".join(lines[:2]) + "\n" + lines[2])).rows == 2
        with pytest.raises(ValueError, match="line 3 has more than 100 characters; expected lines"):
            read_csv(write("\n".join(lines) + " \n"))
        with pytest.raises(ValueError, match="line 1 has more than 100 characters; expected lines"):
            read_csv(write(b"\0" * 10_000, "zeros.csv.gz"))

    def test_one_long_cell_does_not_blow_up_its_column(self, write):
        # 2,200 rows of the longest cell's width would take a GiB.
        text = "w,x\n" + "a,1\n" * 2200 + "b" * 131_000 + ",2\n"
        with pytest.raises(ValueError, match="column 'w' has a cell of 131,000 characters; expect"):
            read_csv(write(text))

    @pytest.mark.parametrize("sign", ["", "-", "+"])
    def test_whole_numbers_beyond_float64_are_words(self, write, sign):
        keys = [f"{sign}{2**53 + i}" for i in range(3)]
        column = read_csv(write("x,key\n" + "".join(f"1,{key}\n" for key in keys))).columns[1]
        assert column.values.tolist() == keys
        text = f"x,n\n1,{sign}{2**53}\n2,9007199254740993.5\n3,1e20\n"
        assert read_csv(write(text)).columns[1].is_numeric

    @pytest.mark.parametrize(
        ("text", "message"),
        [("a,b,a\n1,2,3\n", "has 'a' more than once"), ("a,b\n", "has a header and no rows")],
    )
    def test_bad_headers(self, write, text, message):
        with pytest.raises(ValueError, match=message):
            read_csv(write(text), header=True)

    def test_positions(self, write):
        read = read_csv(write("a,b,7\n1,2,3\n"), header=True)
        found = [read.position(c) for c in ("a", "b", "7", "0", "-1", 0, 2, -3)]
        assert found == [0, 1, 2, 0, 2, 0, 2, 0]
        for unknown in ("price", "3", "-4", 3, ""):
            with pytest.raises(ValueError, match=r"no column .* expected one of a, b, 7, or an"):
                read.position(unknown)


class TestGuessTask:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            (["yes", "no"], "classification"),
            ([0.0, 1.0] * 5, "classification"),
            ([float(i % 20) for i in range(40)], "classification"),
            ([float(i % 21) for i in range(42)], "regression"),
            ([0.5, 1.0] * 5, "regression"),
            ([1.0, 2.0, 3.0], "regression"),  # a different value in every row
            ([1.0, 2.0, math.nan] * 5, "classification"),
        ],
    )
    def test_values(self, values, expected):
        assert guess_task(Column("y", np.array(values))) == expected


class TestTableEncoder:
    def test_numbers_are_standardised_with_the_median_for_missing_ones(self):
        made = table(x=[1.0, 2.0, math.nan, 9.0], y=[1.0, 2.0, 3.0, 4.0])
        features = TableEncoder("y").fit(made).transform(made)
        filled = np.array([1.0, 2.0, 2.0, 9.0])
        expected = (filled - filled.mean()) / filled.std()
        # One rounding of the float64 result to float32.
        np.testing.assert_allclose(features[:, 0], expected, rtol=2.0**-24)
        assert features.dtype == np.float32 and features.shape == (4, 1)

    def test_words_become_one_column_a_category(self):
        made = table(w=["b", "a", "", "b"], y=[1.0, 2.0, 3.0, 4.0])
        encoder = TableEncoder("y").fit(made)
        assert encoder.feature_names_ == ["w=(missing)", "w=a", "w=b"]
        assert encoder.transform(made).tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 1]]
        unseen = table(w=["c", "a"], y=[0.0, 0.0])
        assert encoder.transform(unseen).tolist() == [[0, 0, 0], [0, 1, 0]]

    def test_the_most_frequent_categories_are_kept(self):
        words = ["c"] * 3 + ["a"] * 2 + ["b"] * 2 + ["d"]
        encoder = TableEncoder("y", max_categories=2).fit(table(w=words, y=np.arange(8.0)))
        assert encoder.feature_names_ == ["w=a", "w=c"]

    def test_only_the_training_rows_count(self):
        made = table(x=[0.0, 2.0, 1e9], w=["a", "b", "z"], y=[-1.0, 1.0, 1e9])
        encoder = TableEncoder("y").fit(made, np.array([0, 1]))
        assert encoder.transform(made)[:2, 0].tolist() == [-1.0, 1.0]
        assert encoder.feature_names_ == ["x", "w=a", "w=b"]
        targets, known = encoder.transform_target(made)
        assert targets[:2].tolist() == [[-1.0], [1.0]] and known.all()

    def test_columns_that_cannot_help_are_left_out(self):
        n = 200
        made = table(
            constant=[0.1] * n,
            empty=[math.nan] * n,
            same=["x"] * n,
            key=[f"id{i}" for i in range(n)],
            useful=[float(i) for i in range(n)],
            y=[float(i) for i in range(n)],
        )
        encoder = TableEncoder().fit(made)
        assert encoder.ignored_ == ("constant", "empty", "same", "key")
        assert encoder.feature_names_ == ["useful"]

    def test_classes(self):
        made = table(x=[1.0, 2.0, 3.0, 4.0], y=["b", "a", "", "b"])
        encoder = TableEncoder("y").fit(made)
        labels, known = encoder.transform_target(made)
        assert encoder.task_ == "classification" and encoder.classes_ == ("a", "b")
        assert labels.dtype == np.int64 and labels[known].tolist() == [1, 0, 1]
        assert known.tolist() == [True, True, False, True]
        outputs = np.array([[0.2, 0.8], [0.9, 0.1]], np.float32)
        assert encoder.inverse_transform_target(outputs).tolist() == ["b", "a"]

    def test_numeric_classes_sort_as_numbers(self):
        values = [10.0, 9.0, 2.0, 10.0, 9.0, 2.0]
        made = table(x=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], y=values)
        encoder = TableEncoder("y").fit(made)
        assert encoder.classes_ == ("2", "9", "10")
        assert encoder.transform_target(made)[0].tolist() == [2, 1, 0, 2, 1, 0]

    def test_zero_has_no_sign(self):
        made = table(x=[1.0, 2.0, 3.0, 4.0], y=[0.0, -0.0, 1.0, -0.0])
        encoder = TableEncoder("y", task="classification").fit(made)
        assert encoder.classes_ == ("0", "1")
        assert encoder.transform_target(made)[0].tolist() == [0, 0, 1, 0]

    def test_regression_goes_back_to_the_targets_unit(self):
        prices = [100.0, 250.0, math.nan, 900.0]
        made = table(x=[1.0, 2.0, 3.0, 4.0], y=prices)
        encoder = TableEncoder("y").fit(made)
        targets, known = encoder.transform_target(made)
        assert targets.shape == (4, 1) and targets.dtype == np.float32
        assert known.tolist() == [True, True, False, True]
        back = encoder.inverse_transform_target(targets)
        # The targets were rounded to float32 at the scale of the deviation.
        np.testing.assert_allclose(back[known], np.array(prices)[known], atol=900 * 2.0**-23)

    def test_columns_are_found_by_name_in_another_table(self):
        encoder = TableEncoder("y").fit(table(a=[1.0, 3.0], b=["u", "v"], y=[1.0, 2.0]))
        other = table(b=["v"], new=[0.0], a=[3.0])
        assert encoder.transform(other).tolist() == [[1.0, 0.0, 1.0]]
        with pytest.raises(ValueError, match="no column 'a'; expected one of b"):
            encoder.transform(table(b=["v"]))
        with pytest.raises(ValueError, match="column 'a' holds words; it held numbers"):
            encoder.transform(table(a=["x"], b=["v"]))

    def test_words_that_look_like_numbers_in_another_table(self):
        encoder = TableEncoder("y").fit(table(w=["1", "x"], y=[1.0, 2.0]))
        assert encoder.transform(table(w=[1.0, 2.0, math.nan])).tolist() == [[1, 0], [0, 0], [0, 0]]

    @pytest.mark.parametrize(
        ("made", "target", "task", "message"),
        [
            (table(x=[1.0, 2.0], y=["a", "b"]), "z", None, "no column 'z'; expected one of x, y"),
            (table(x=[1.0, 2.0], y=["a", "a"]), "y", None, "only the class 'a'; expected two or"),
            (table(x=[1.0, 2.0], y=["", ""]), "y", None, "has no value at all"),
            (table(x=[1.0, 2.0], y=["a", "b"]), "y", "regression", "'y' holds words; regression"),
            (table(x=[1.0, 2.0], y=[1.5, 1.5]), "y", None, "has the same value in every row"),
            (table(x=[1.0, 2.0], y=[math.nan] * 2), "y", "regression", "the same value in every"),
            (table(x=[7.0, 7.0], y=["a", "b"]), "y", None, r"no column is left to predict 'y'"),
            (
                table(y=["a", "b"]),
                "y",
                None,
                r"no column is left to predict 'y' from: each of the 0",
            ),
            (
                table(x=[float(i) for i in range(90)], y=[f"name {i}" for i in range(90)]),
                "y",
                None,
                "has 90 different values in 90 rows, too many to be classes",
            ),
        ],
    )
    def test_errors(self, made, target, task, message):
        with pytest.raises(ValueError, match=message):
            TableEncoder(target, task=task).fit(made)

    @pytest.mark.parametrize("target", ["kind", "price"])
    def test_config_survives_json(self, target):
        made = table(
            x=[1.0, 2.5, math.nan, 1 / 3],
            w=["a", "", "b", "a"],
            kind=["u", "v", "u", "v"],
            same=["s"] * 4,
            price=[1.5, 2.0, 0.1, 7.0],
        )
        encoder = TableEncoder(target).fit(made)
        again = TableEncoder.from_config(json.loads(json.dumps(encoder.get_config())))
        assert again.get_config() == encoder.get_config()
        assert again.transform(made).tobytes() == encoder.transform(made).tobytes()
        for one, two in zip(
            again.transform_target(made), encoder.transform_target(made), strict=True
        ):
            assert one.tobytes() == two.tobytes()
        assert again.ignored_ == ("same",) and again.feature_names_ == encoder.feature_names_

    @pytest.mark.parametrize("key", ["format", "task", "target", "classes", "target_mean"])
    @pytest.mark.parametrize("value", [None, 7, "x", ["a"], {}, math.inf])
    def test_hostile_configs(self, key, value):
        config = TableEncoder("y").fit(table(x=[1.0, 2.0], y=["a", "b"])).get_config()
        config[key] = value
        valid = (key == "target" and value == "x") or (key == "target_mean" and value == 7)
        if valid:
            TableEncoder.from_config(config)
        else:
            with pytest.raises(ValueError, match=r"^\[TableEncoder\] "):
                TableEncoder.from_config(config)

    @pytest.mark.parametrize(
        "features",
        [
            None,
            [],
            "x",
            [7],
            [{}],
            [{"name": "x"}],
            [{"name": "x", "median": 0, "mean": 0, "deviation": 0}],
            [{"name": "x", "median": 0, "mean": 0, "deviation": "1"}],
            [{"name": "x", "median": math.nan, "mean": 0, "deviation": 1}],
            [{"name": "x", "categories": "abc"}],
            [{"name": "x", "categories": []}],
            [{"name": 1, "categories": ["a"]}],
        ],
    )
    def test_hostile_features(self, features):
        config = TableEncoder("y").fit(table(x=[1.0, 2.0], y=["a", "b"])).get_config()
        with pytest.raises(ValueError, match=r"^\[TableEncoder\] the configuration's "):
            TableEncoder.from_config(config | {"features": features})

    @pytest.mark.parametrize("config", [None, [], "x", 3, {}, {"format": "other"}])
    def test_not_a_config(self, config):
        with pytest.raises(ValueError, match="not a configuration of format"):
            TableEncoder.from_config(config)


class TestRealTables:
    @pytest.mark.parametrize(
        ("name", "target", "rows", "task", "classes", "features"),
        [
            ("adult.data.gz", -1, 32561, "classification", ("<=50K", ">50K"), 108),
            ("california-housing.csv.gz", "median_house_value", 20640, "regression", (), 13),
            (
                "covertype-20k.csv.gz",
                "-1",
                20000,
                "classification",
                ("1", "2", "3", "4", "5", "6", "7"),
                52,
            ),
        ],
    )
    def test_encodes(self, real_data, name, target, rows, task, classes, features):
        read = read_csv(real_data / "tabular" / name)
        encoder = TableEncoder(target).fit(read)
        x, (y, known) = encoder.transform(read), encoder.transform_target(read)
        assert read.rows == len(x) == len(y) == rows and known.all()
        assert (encoder.task_, encoder.classes_, x.shape[1]) == (task, classes, features)
        assert np.isfinite(x).all() and np.isfinite(y).all()
