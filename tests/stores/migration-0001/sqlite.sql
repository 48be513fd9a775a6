create table if not exists "latchkey_migrations" (
  name text not null primary key,
  applied_at timestamp default current_timestamp
);

create table if not exists "latchkey_ceremonies" (
  attempt_id text not null primary key,
  purpose text not null,
  binding text not null,
  user_id text,
  begun integer not null,
  expires_at integer not null,
  status text not null,
  state text not null
);

create index if not exists "latchkey_ceremonies_due" on "latchkey_ceremonies" (status, expires_at);

create table if not exists "latchkey_handles" (
  user_id text not null primary key,
  handle blob not null
);

create table if not exists "latchkey_passkeys" (
  id text not null primary key,
  user_id text not null,
  user_handle blob not null,
  credential_id blob not null unique,
  public_key blob not null,
  algorithm integer not null,
  sign_count integer not null,
  transports text not null,
  aaguid text not null,
  backup_eligible integer not null,
  backed_up integer not null,
  attested integer not null,
  rp_id text not null,
  nickname text not null,
  enabled integer not null,
  generation integer not null,
  created_at integer not null,
  last_used_at integer
);

create index if not exists "latchkey_passkeys_of_user" on "latchkey_passkeys" (user_id);

create table if not exists "latchkey_attempts" (
  event_id text not null primary key,
  name text not null,
  occurred_at integer not null,
  user_id text,
  outcome text not null,
  enforcement text not null,
  record text not null
);

create index if not exists "latchkey_attempts_by_time" on "latchkey_attempts" (occurred_at);

create index if not exists "latchkey_attempts_by_user" on "latchkey_attempts" (user_id, event_id);

create index if not exists "latchkey_attempts_by_name" on "latchkey_attempts" (name, event_id);

create index if not exists "latchkey_attempts_by_outcome" on "latchkey_attempts" (outcome, event_id);

create index if not exists "latchkey_attempts_by_enforcement" on "latchkey_attempts" (enforcement, event_id);

insert into "latchkey_migrations" (name) values ('0001_ceremonies_passkeys_attempts') on conflict do nothing;
