/** Why one row of a source cannot be moved. The others go on. */

export type Unusable =
  | 'credential_id_invalid'
  | 'public_key_invalid'
  | 'user_id_invalid'
  | 'user_handle_invalid'
  | 'sign_count_invalid'
  | 'enabled_invalid'
  | 'rp_id_differs'
  | 'credential_of_another_user'
  | 'passkey_differs'
  | 'too_many_passkeys';

export class RowFault extends Error {
  readonly code: Unusable;

  constructor(code: Unusable, message: string) {
    super(message);
    this.code = code;
  }
}
