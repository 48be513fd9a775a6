create table if not exists "latchkey_migrations" (
  name text collate "C" not null primary key,
  applied_at timestamp default current_timestamp
);

create table if not exists "latchkey_ceremonies" (
  attempt_id text collate "C" not null primary key,
  purpose text collate "C" not null,
  binding text collate "C" not null,
  user_id text collate "C",
  begun smallint not null,
  expires_at bigint not null,
  status text collate "C" not null,
  state text not null
);

create index if not exists "latchkey_ceremonies_due" on "latchkey_ceremonies" (status, expires_at);

create table if not exists "latchkey_handles" (
  user_id text collate "C" not null primary key,
  handle bytea not null
);

create table if not exists "latchkey_passkeys" (
  id text collate "C" not null primary key,
  user_id text collate "C" not null,
  user_handle bytea not null,
  credential_id bytea not null unique,
  public_key bytea not null,
  algorithm bigint not null,
  sign_count bigint not null,
  transports text not null,
  aaguid text collate "C" not null,
  backup_eligible smallint not null,
  backed_up smallint not null,
  attested smallint not null,
  rp_id text not null,
  nickname text not null,
  enabled smallint not null,
  generation bigint not null,
  created_at bigint not null,
  last_used_at bigint
);

create index if not exists "latchkey_passkeys_of_user" on "latchkey_passkeys" (user_id);

create table if not exists "latchkey_attempts" (
  event_id text collate "C" not null primary key,
  name text collate "C" not null,
  occurred_at bigint not null,
  user_id text collate "C",
  outcome text collate "C" not null,
  enforcement text collate "C" not null,
  record text not null
);

create index if not exists "latchkey_attempts_by_time" on "latchkey_attempts" (occurred_at);

create index if not exists "latchkey_attempts_by_user" on "latchkey_attempts" (user_id, event_id);

create index if not exists "latchkey_attempts_by_name" on "latchkey_attempts" (name, event_id);

create index if not exists "latchkey_attempts_by_outcome" on "latchkey_attempts" (outcome, event_id);

create index if not exists "latchkey_attempts_by_enforcement" on "latchkey_attempts" (enforcement, event_id);

insert into "latchkey_migrations" (name) values ('0001_ceremonies_passkeys_attempts') on conflict do nothing;
