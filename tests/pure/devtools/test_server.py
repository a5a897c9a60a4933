"""PostgreSQL is the user's own where one is named, and the embedded one otherwise."""

import pytest

from devtools import paths, server


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch, tmp_path):
    for name in ("DATABASE_URL", "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "ODOO_RC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(server, "embedded", lambda: "embedded")
    monkeypatch.setattr(paths, "PG", tmp_path / "pg")
    monkeypatch.setattr(paths, "STATE", tmp_path / "state")


def test_without_a_name_it_is_the_embedded_one():
    assert server.find() == "embedded"


def test_database_url_names_a_server_with_quoted_parts(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://od%40oo:p%3Aw@db.example:5433/ignored")
    found = server.find()
    assert (found.host, found.port, found.user, found.password) == (
        "db.example",
        "5433",
        "od@oo",
        "p:w",
    )
    assert found.cluster is None


def test_pghost_names_a_server(monkeypatch):
    monkeypatch.setenv("PGHOST", "/run/postgresql")
    monkeypatch.setenv("PGUSER", "me")
    assert server.find().environment() == {
        "PGHOST": "/run/postgresql",
        "PGPORT": "5432",
        "PGUSER": "me",
    }


def test_a_run_inside_a_run_shares_the_embedded_server(monkeypatch, tmp_path):
    monkeypatch.setenv("PGHOST", str(tmp_path / "pg" / "socket"))
    assert server.find() == "embedded"


def test_the_users_odoo_configuration_names_a_server(monkeypatch, tmp_path):
    conf = tmp_path / "odoo.conf"
    conf.write_text("[options]\ndb_host = db.example\ndb_port = False\ndb_user = odoo\n")
    monkeypatch.setenv("ODOO_RC", str(conf))
    found = server.find()
    assert (found.host, found.port, found.user) == ("db.example", "5432", "odoo")


def test_an_odoo_configuration_without_a_server_names_none(monkeypatch, tmp_path):
    conf = tmp_path / "odoo.conf"
    conf.write_text("[options]\ndb_host = False\nworkers = 2\n")
    monkeypatch.setenv("ODOO_RC", str(conf))
    assert server.find() == "embedded"
