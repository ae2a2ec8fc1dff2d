"""The tables of the history. Instants are whole milliseconds since 1970, UTC."""

import duckdb

VERSION = 1

TABLES = """
create table if not exists about (key varchar primary key, value varchar not null);

-- The metrics stream is the results themselves: `seq` numbers the rows, and the event is made from the row.
create table if not exists results (
    seq bigint not null, published_ms bigint not null,
    result_id varchar not null, due_ms bigint not null,
    application varchar not null, "check" varchar not null, type varchar not null, status varchar not null,
    response_ms double, dns_ms double, connect_ms double, tls_ms double, first_byte_ms double, transfer_ms double,
    failure varchar, message varchar, step varchar, steps varchar,
    run_id varchar, attempt integer not null, late_ms double not null, interval_ms bigint not null,
    location varchar not null, simulated boolean not null
);

-- Results of days that have passed, in the order of `place` and no longer in `results`.
create table if not exists past_results as select 0::ubigint as place, * from results limit 0;

create table if not exists events (
    stream varchar not null, seq bigint not null, published_ms bigint not null,
    name varchar not null, payload varchar not null
);

-- What a stream's head was when events were trimmed from it: numbers are never used again.
create table if not exists heads (stream varchar primary key, head bigint not null);

-- What readers were last told of each application, kept when the event that told it is trimmed.
create table if not exists told (application varchar primary key, name varchar not null, payload varchar not null);
create view if not exists newest_told as
    select coalesce(payload ->> '$.id', payload ->> '$.applicationId') as application,
        arg_max(name, seq) as name, arg_max(payload, seq) as payload
    from events
    where stream = 'applications' and name in ('applicationStatusUpdate', 'applicationRemoved')
    group by application;

create table if not exists runs (
    run_id varchar primary key, state varchar not null, trigger varchar not null, simulated boolean not null,
    started_ms bigint not null, ended_ms bigint, reason varchar,
    application_ids varchar[] not null, test_types varchar[] not null, total integer not null
);

create view if not exists streams_of_open_runs as
    select 'run:' || run_id as stream from runs where state in ('running', 'paused');

create table if not exists tests (
    run_id varchar not null, test_id varchar not null, application varchar not null, "check" varchar not null,
    type varchar not null, attempt integer not null, started_ms bigint not null, duration_ms double not null,
    status varchar not null, result_id varchar, failure varchar, message varchar, step varchar
);

-- Runs of equal verdict and hourly latency sketches: flushed once a minute, completed from the results at start.
create table if not exists spans (
    application varchar not null, "check" varchar not null,
    from_ms bigint not null, to_ms bigint not null, n integer not null,
    verdict utinyint not null, interval_ms bigint not null,
    primary key (application, "check", from_ms)
);
create table if not exists sketches (
    application varchar not null, "check" varchar not null, hour_ms bigint not null, sketch blob not null,
    primary key (application, "check", hour_ms)
);

-- Hours that can no longer grow, folded into days: what a table of three months is made from.
create table if not exists day_sketches (
    application varchar not null, "check" varchar not null, day_ms bigint not null, sketch blob not null,
    primary key (application, "check", day_ms)
);
"""


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make what is not there yet. An older history gets days and past results as its hours and results are moved."""
    for statement in TABLES.split(";"):
        if statement.strip():
            connection.execute(statement)
