"""`headway sql` on the real engine: what it answers, in which form, and what it refuses."""

import csv
import io
import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from gateway.asking import Answer, Asker, own_format
from gateway.cli import headway
from gateway.cli.grid import cell, fitted, show
from gateway.cli.prompt import Names, complete, converse
from infra import warehouse
from infra.settings import as_env
from infra.stack import warehouse_server
from lab.ports import free_ports
from tests.support.running import running_part, settings_in
from tests.support.warehouse import every_example, running_warehouse, store


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    with running_warehouse(tmp_path_factory.mktemp("sql")) as settings:
        store(settings, every_example())
        yield settings


@pytest.fixture
def sql(settings):
    def asked(*words, stdin=None, **over):
        return CliRunner(env=as_env(settings) | over).invoke(headway, ["sql", *words], input=stdin)

    return asked


def test_a_table_has_its_rows_on_stdout_and_the_rest_on_stderr(sql):
    said = sql("SELECT task_id, agent_id, cost_usd_micros FROM task_outcome WHERE task_id = 't-1'")
    assert said.exit_code == 0
    lines = [line.split() for line in said.stdout.splitlines()]
    assert lines == [["task_id", "agent_id", "cost_usd_micros"], ["t-1", "NULL", "0"]]
    assert said.stderr.startswith("1 row, ") and said.stderr.endswith(" s.\n")


def test_every_format_holds_the_same_rows(sql, tmp_path):
    ask = "SELECT number AS n, if(n = 1, NULL, 'a\n,b') AS text, [n] AS list FROM numbers(2)"
    rows = [{"n": 0, "text": "a\n,b", "list": [0]}, {"n": 1, "text": None, "list": [1]}]
    assert json.loads(sql(ask, "--format", "json").stdout) == rows
    for option in (["--json"], ["--format", "jsonl"]):
        assert list(map(json.loads, sql(ask, *option).stdout.splitlines())) == rows
    said = sql(ask, "--format", "csv")
    read = list(csv.reader(io.StringIO(said.stdout)))
    assert read == [["n", "text", "list"], ["0", "a\n,b", "[0]"], ["1", "", "[1]"]]
    assert said.stderr.startswith("2 rows")


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "table"])
def test_no_rows_are_no_rows_in_every_format(sql, form):
    said = sql("SELECT 1 AS a WHERE false", "--format", form)
    assert said.stdout == {"json": "[]\n", "jsonl": "", "csv": '"a"\n', "table": "a\n"}[form]
    assert said.stderr.startswith("0 rows")


def test_a_file_gets_the_format_of_its_name(sql, tmp_path):
    for name, opening in (
        ("a.parquet", b"PAR1"),
        ("a.csv", b'"status"'),
        ("a.jsonl", b'{"status"'),
        ("a.txt", b"status"),
    ):
        file = tmp_path / name
        said = sql("SELECT status FROM task_outcome", "--output", str(file))
        assert (said.exit_code, said.stdout) == (0, "")
        assert file.read_bytes().startswith(opening)
    assert (tmp_path / "a.parquet").read_bytes().endswith(b"PAR1")


def test_bytes_are_json_whatever_they_are(sql):
    said = sql("SELECT task, unhex('1BFF') AS odd FROM routing_decision", "--json")
    assert [json.loads(line)["odd"] for line in said.stdout.splitlines()] == ["\x1b\ufffd"] * 3


def test_stdin_is_a_statement_too(sql):
    assert sql("-", stdin="-- how many?\nSELECT 7 AS seven;\n").stdout.split() == ["seven", "7"]


def test_a_format_of_clickhouse_in_the_statement_goes_first(sql):
    assert sql("SELECT 1 AS a FORMAT TSVWithNames").stdout == "a\n1\n"
    assert own_format("SELECT a AS format FROM t ORDER BY format DESC;") == (
        "SELECT a AS format FROM t ORDER BY format DESC",
        None,
    )


HOSTILE = [
    "INSERT INTO task_decided (task_id) VALUES ('x')",
    "INSERT INTO FUNCTION file('/tmp/x.csv', 'CSV', 'a String') SELECT 'x'",
    "DROP TABLE task_decided",
    "TRUNCATE TABLE task_decided",
    "ALTER TABLE task_decided DELETE WHERE true",
    "CREATE TABLE mine (a Int32) ENGINE = Memory",
    "CREATE TEMPORARY TABLE mine (a Int32)",
    "OPTIMIZE TABLE task_decided",
    "KILL QUERY WHERE true",
    "BACKUP DATABASE headway TO Disk('a', 'b')",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT file('/etc/passwd')",
    "SELECT /* ' */ file('/etc/passwd') /* ' */",
    "SELECT `fi\\x6ce`('/etc/passwd')",
    "SELECT 1 AS `'`, \"file\"('/etc/passwd') AS `'`",
    "SELECT $$'$$, file('/etc/passwd'), $$'$$",
    "SELECT * APPLY file FROM (SELECT '/etc/passwd' AS path)",
    "SELECT arrayMap(file, ['/etc/passwd'])",
    "EXPLAIN SELECT file('/etc/passwd')",
    "SELECT * FROM default.`/etc/passwd`",
    "DESCRIBE url('http://127.0.0.1:1/', 'CSV')",
    "DESC TABLE `url`('http://127.0.0.1:1/', 'CSV')",
    "DESCRIBE (SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String'))",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM s3('http://127.0.0.1:1/abcd/x.csv', 'CSV')",
    "SELECT * FROM remote('127.0.0.1', 'system', 'one')",
    "SELECT * FROM mysql('a:1', 'b', 'c', 'd', 'e')",
    "SELECT * FROM executable('cat', 'TSV', 'a String')",
    "SELECT 1 INTO OUTFILE '/tmp/outfile.csv'",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS max_execution_time = 0",
]


@pytest.mark.parametrize("statement", HOSTILE)
def test_hostile_sql_is_refused_in_a_sentence(sql, statement):
    said = sql(statement)
    assert said.exit_code == 2
    assert "This reads only: the warehouse's rows come from the topics." in said.stderr
    assert said.stdout == "" and "root:" not in said.output


def test_two_statements_at_once_are_refused(sql):
    said = sql("SELECT 1; DROP TABLE task_decided")
    assert (said.exit_code, said.stdout) == (2, "")
    assert "ask one at a time" in said.stderr


def test_after_all_that_the_warehouse_is_as_it_was(sql):
    assert sql("SELECT count() FROM task_decided", "--format", "csv").stdout.split()[1] == "2"
    assert "mine" not in sql("SHOW TABLES").stdout


def test_words_within_a_text_harm_nothing(sql):
    assert sql("SELECT 'file(x) into outfile; drop' AS text").exit_code == 0


def test_a_statement_that_takes_too_long_is_stopped(sql, monkeypatch):
    monkeypatch.setitem(warehouse.READER_LIMITS, "max_execution_time", 1)
    said = sql("SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1")
    assert said.exit_code == 2
    assert "It was stopped after 1 s. Ask for less" in said.stderr


def test_a_statement_that_needs_too_much_memory_is_stopped(sql, monkeypatch):
    monkeypatch.setitem(warehouse.READER_LIMITS, "max_memory_usage", 50_000_000)
    said = sql("SELECT length(groupArray(number)) FROM numbers(100000000)")
    assert said.exit_code == 2
    assert "It was stopped: it needs more than 0.05 GB" in said.stderr


def test_an_answer_without_end_is_refused(sql):
    said = sql("SELECT number FROM numbers(2000000)", "--format", "csv")
    assert (said.exit_code, said.stdout) == (2, "")
    assert "more than 1,000,000 rows or 200 MB: add a LIMIT" in said.stderr


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT * FROM taskoutcome", "There is no table taskoutcome; did you mean task_outcome?"),
        ("SELECT stats FROM task_outcome", "There is no column stats; did you mean status?"),
        ("SELEC 1", "Syntax error at line 1, column 7, near '1'."),
        ("SELECT (1", "The statement is not complete"),
        ("SELECT coun(1)", "Function with name `coun` does not exist. Maybe you meant: ['count'"),
        (" ; ", "There is no statement."),
        ("SELECT", "The statement is not complete"),
        ("SELECT status FROM", "The statement is not complete"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(sql, statement, said):
    result = sql(statement)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {said}")
    assert len(result.stderr.splitlines()) == 1 and "for url" not in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Give a statement"),
        (["SELECT 1", "--output", "x.xlsx"], "x.xlsx ends in none of table, csv, json, jsonl, parquet, txt"),
        (["SELECT 1", "--json", "--format", "csv"], "say two things"),
        (["SELECT 1", "--output", "/no/such/folder/x.csv"], "cannot be written"),
        (["--tables", "tasks"], "There is no table tasks; there are"),
    ],
)
def test_wrong_usage_is_told_in_a_sentence(sql, words, said):
    result = sql(*words)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


def test_a_warehouse_that_does_not_answer_is_named(sql):
    port = str(free_ports(1))
    said = sql("SELECT 1", HEADWAY_CLICKHOUSE_PORT=port)
    assert said.exit_code == 3
    assert (
        said.stderr == f"Error: No ClickHouse answers at http://127.0.0.1:{port}; start the line with `headway up`.\n"
    )


def test_a_warehouse_without_tables_says_who_makes_them(tmp_path):
    bare = settings_in(tmp_path)
    with running_part(warehouse_server.prepare(bare), tmp_path / "log"):
        said = CliRunner(env=as_env(bare)).invoke(headway, ["sql", "SELECT 1"])
    assert said.exit_code == 3
    assert said.stderr == "Error: The warehouse has no tables yet: the sink makes them when the line comes up.\n"


def test_tables_and_columns_are_listed_with_what_they_mean(sql):
    tables = {row["name"]: row for row in map(json.loads, sql("--tables", "--json").stdout.splitlines())}
    assert (tables["task_outcome"]["kind"], tables["task"]["kind"]) == ("table", "view")
    assert tables["task_outcome"]["comment"].startswith("The one terminal outcome of a task.")
    columns = sql("--tables", "task_outcome").stdout
    assert "quality" in columns and "Evaluator's score 0–1; null when not judged." in columns


def test_a_wide_answer_is_cut_at_a_terminal_and_told_line_by_line_when_too_wide():
    assert fitted([5, 10], 80) == [5, 10]
    assert fitted([5, 100, 50], 60) == [5, 27, 27]
    assert fitted([30] * 10, 60) is None
    out = io.StringIO()
    show(Answer([f"c{i}" for i in range(10)], ["String"] * 10, [["x" * 20] * 10]), Console(file=out, width=60), 60)
    assert out.getvalue().splitlines() == [f"c{i} {'x' * 20}" for i in range(10)]


def test_what_a_task_says_cannot_speak_to_the_terminal():
    assert cell("a\x1b[31mb\nc") == r"a\x1b[31mb c"
    assert [cell(v) for v in (None, True, 0.25, 1e-7, 12345.678901, [1, None])] == [
        "NULL", "true", "0.25", "1e-07", "12345.6789", "[1, NULL]",
    ]  # fmt: skip


def test_parquet_goes_to_a_pipe_but_not_to_a_terminal(settings, sql, monkeypatch):
    assert sql("SELECT 1 AS a", "--format", "parquet").stdout_bytes.startswith(b"PAR1")
    shown, end = os.openpty()
    command = [sys.executable, "-m", "gateway.cli", "sql", "SELECT 1", "--format", "parquet"]
    done = subprocess.run(command, stdout=end, stderr=subprocess.PIPE, env=os.environ | as_env(settings), check=False)
    for each in (shown, end):
        os.close(each)
    assert done.returncode == 2
    assert b"Parquet is bytes that no terminal shows: name a file" in done.stderr


@pytest.mark.parametrize("typed", ["exit", "quit;", "\\q", ".quit", ".exit"])
def test_a_prompt_is_left_by_every_usual_word(settings, tmp_path, typed):
    with create_pipe_input() as keys, Asker(settings) as asker:
        keys.send_text(f"{typed}\rSELECT 1;\r")
        converse(asker, tmp_path, keys, DummyOutput())
    assert "SELECT 1" not in (tmp_path / "sql_history").read_text()


@pytest.mark.parametrize("typed", ["help", ".help", "\\?", "\\h"])
def test_a_prompt_helps_by_every_usual_word(settings, tmp_path, typed, capsys):
    with create_pipe_input() as keys, Asker(settings) as asker:
        keys.send_text(f"{typed}\rexit\r")
        converse(asker, tmp_path, keys, DummyOutput())
    assert capsys.readouterr().err.count("A statement ends with ;") == 2


def test_a_prompt_takes_statements_over_lines_and_remembers_them(settings, tmp_path, capsys):
    with create_pipe_input() as keys, Asker(settings) as asker:
        keys.send_text("SELECT 40 + 2\rAS answer;\rSELECT nonsense;\rtables task_decided\r\rexit\r")
        converse(asker, tmp_path / "state", keys, DummyOutput())
    said = capsys.readouterr()
    assert "answer" in said.out and "42" in said.out and "When it was decided" in said.out
    assert "There is no column nonsense" in said.err
    history = (tmp_path / "state" / "sql_history").read_text()
    assert "+SELECT 40 + 2\n+AS answer;" in history


def test_enter_sends_what_is_complete():
    assert complete("SELECT 1;") and complete("exit") and complete("")
    assert not complete("SELECT 1")


def test_names_are_completed():
    names = Names({"task_outcome": ["task_id", "status"], "evaluation": ["verdict"]})

    def offered(text):
        return [c.text for c in names.get_completions(Document(text), CompleteEvent())]

    assert offered("SELECT * FROM task_o") == ["task_outcome"]
    assert offered("SELECT ver") == ["verdict"]
    assert offered("SELECT task_outcome.s") == ["status"]
    assert offered("sel") == ["SELECT"]
    assert offered("SELECT * FROM task_outcome WHERE v") == []
