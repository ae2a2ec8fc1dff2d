-- The tables of Uptime Kuma 2.5 that hold its history, after its migrations.
create table monitor (
    id integer primary key, name varchar(150), active boolean not null default 1, interval integer not null default 20,
    url text, type varchar(20), maxretries integer not null default 0, retry_interval integer not null default 0,
    upside_down boolean not null default 0, parent integer
);
create table heartbeat (
    id integer primary key, important boolean not null default 0, monitor_id integer not null references monitor (id),
    status smallint not null, msg text, time datetime not null, ping integer, duration integer not null default 0,
    down_count integer not null default 0, end_time datetime, retries integer not null default 0, response text
);
create table stat_minutely (
    id integer primary key, monitor_id integer not null, timestamp integer not null, ping integer not null default 0,
    up smallint not null, down smallint not null, ping_min float not null default 0, ping_max float not null default 0,
    extras text, unique (monitor_id, timestamp)
);
create table stat_hourly (
    id integer primary key, monitor_id integer not null, timestamp integer not null, ping integer not null default 0,
    up smallint not null, down smallint not null, ping_min float not null default 0, ping_max float not null default 0,
    extras text, unique (monitor_id, timestamp)
);
create table stat_daily (
    id integer primary key, monitor_id integer not null, timestamp integer not null, ping integer not null default 0,
    up integer not null, down integer not null, ping_min float not null default 0, ping_max float not null default 0,
    extras text, unique (monitor_id, timestamp)
);
