// What a page says, in German.

import type { Sentences } from './keys.ts';

export const de: Sentences = {
  unavailable: 'Es wurde kein Passkey verwendet. Versuchen Sie es noch einmal oder wählen Sie einen anderen Weg.',
  unreadable:
    'Ihr Passwortmanager hat eine Antwort gegeben, die nicht verwendet werden kann. Aktualisieren Sie ihn oder nehmen Sie einen anderen Browser.',
  unsupported: 'Dieser Browser kann das nicht. Nehmen Sie einen anderen Browser oder ein anderes Gerät.',
  exists: 'Auf diesem Gerät gibt es schon einen Passkey für dieses Konto. Sie können sich damit anmelden.',
  busy: 'Ihr Browser ist noch mit einer anderen Anfrage beschäftigt. Beenden oder schließen Sie diese zuerst.',
  offline: 'Der Server hat nicht geantwortet. Prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal.',
  refused: 'Etwas ist schiefgegangen. Laden Sie die Seite neu und versuchen Sie es noch einmal.',
  challenge_invalid: 'Das hat zu lange gedauert. Bitte versuchen Sie es noch einmal.',
  registration_failed: 'Der Passkey konnte nicht gespeichert werden. Bitte versuchen Sie es noch einmal.',
  invitation_invalid: 'Diese Einladung gilt nicht mehr. Bitten Sie um eine neue.',
  user_verification_unavailable:
    'Dieser Sicherheitsschlüssel kann nicht prüfen, ob Sie es sind. Richten Sie darauf eine PIN oder einen Fingerabdruck ein oder nehmen Sie ein anderes Gerät.',
  authentication_failed: 'Dieser Passkey wurde nicht angenommen. Versuchen Sie es mit einem anderen Passkey.',
  sign_in_required: 'Sie sind nicht angemeldet. Bitte melden Sie sich zuerst an.',
  step_up_required: 'Bitte bestätigen Sie zuerst mit Ihrem Passkey.',
  mode_not_allowed:
    'Auf diesem Weg können Sie sich hier nicht anmelden. Versuchen Sie einen anderen Weg oder einen anderen Browser.',
  policy_denied:
    'Diese Anmeldung erfüllt die Regeln dieser Website nicht. Nehmen Sie einen anderen Browser oder ein anderes Gerät.',
  not_found: 'Diesen Eintrag gibt es nicht mehr. Laden Sie die Seite neu.',
  passkey_exists: 'Dieser Passkey wird schon verwendet. Sie können sich damit anmelden.',
  last_passkey: 'Das ist Ihr einziger Passkey. Fügen Sie zuerst einen anderen hinzu.',
  passkey_limit_reached: 'Sie haben zu viele Passkeys. Entfernen Sie zuerst einen.',
  username_unavailable: 'Dieser Name ist vergeben. Bitte wählen Sie einen anderen.',
  invitation_other_browser:
    'Diese Einladung wurde in einem anderen Browser geöffnet. Nehmen Sie jenen Browser oder bitten Sie um eine neue Einladung.',
  rate_limited: 'Zu viele Versuche. Warten Sie einen Moment und versuchen Sie es noch einmal.',
  internal_error: 'Auf dem Server ist etwas schiefgegangen. Bitte versuchen Sie es später noch einmal.',
  store_unavailable: 'Der Server ist im Moment nicht verfügbar. Bitte versuchen Sie es später noch einmal.',
  audit_unavailable: 'Der Server ist im Moment nicht verfügbar. Bitte versuchen Sie es später noch einmal.',
  unknown_answer:
    'Der Server hat eine unerwartete Antwort gegeben. Laden Sie die Seite neu und versuchen Sie es noch einmal.',
};
