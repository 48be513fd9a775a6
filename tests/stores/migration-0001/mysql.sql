create table if not exists `latchkey_migrations` (
  name varbinary(64) not null primary key,
  applied_at timestamp default current_timestamp
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table if not exists `latchkey_ceremonies` (
  attempt_id varbinary(64) not null primary key,
  purpose varbinary(32) not null,
  binding varbinary(64) not null,
  user_id varbinary(1020),
  begun tinyint not null,
  expires_at bigint not null,
  status varbinary(16) not null,
  state mediumtext not null,
  index `latchkey_ceremonies_due` (status, expires_at)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table if not exists `latchkey_handles` (
  user_id varbinary(1020) not null primary key,
  handle varbinary(64) not null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table if not exists `latchkey_passkeys` (
  id varbinary(64) not null primary key,
  user_id varbinary(1020) not null,
  user_handle varbinary(64) not null,
  credential_id varbinary(1023) not null unique,
  public_key varbinary(4096) not null,
  algorithm bigint not null,
  sign_count bigint not null,
  transports mediumtext not null,
  aaguid varbinary(36) not null,
  backup_eligible tinyint not null,
  backed_up tinyint not null,
  attested tinyint not null,
  rp_id mediumtext not null,
  nickname mediumtext not null,
  enabled tinyint not null,
  generation bigint not null,
  created_at bigint not null,
  last_used_at bigint,
  index `latchkey_passkeys_of_user` (user_id)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table if not exists `latchkey_attempts` (
  event_id varbinary(64) not null primary key,
  name varbinary(64) not null,
  occurred_at bigint not null,
  user_id varbinary(1020),
  outcome varbinary(32) not null,
  enforcement varbinary(32) not null,
  record mediumtext not null,
  index `latchkey_attempts_by_time` (occurred_at),
  index `latchkey_attempts_by_user` (user_id, event_id),
  index `latchkey_attempts_by_name` (name, event_id),
  index `latchkey_attempts_by_outcome` (outcome, event_id),
  index `latchkey_attempts_by_enforcement` (enforcement, event_id)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

insert ignore into `latchkey_migrations` (name) values ('0001_ceremonies_passkeys_attempts');
