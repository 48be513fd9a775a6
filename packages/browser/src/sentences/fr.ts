// What a page says, in French.

import type { Sentences } from './keys.ts';

export const fr: Sentences = {
  unavailable: 'Aucune clé d’accès n’a été utilisée. Réessayez ou choisissez un autre moyen de connexion.',
  unreadable:
    'Votre gestionnaire de mots de passe a donné une réponse inutilisable. Mettez-le à jour ou essayez un autre navigateur.',
  unsupported: 'Ce navigateur ne peut pas le faire. Essayez un autre navigateur ou un autre appareil.',
  exists: 'Cet appareil a déjà une clé d’accès pour ce compte. Vous pouvez vous connecter avec elle.',
  busy: 'Votre navigateur est encore occupé par une autre demande. Terminez-la ou fermez-la d’abord.',
  offline: 'Le serveur n’a pas répondu. Vérifiez votre connexion et réessayez.',
  refused: 'Une erreur est survenue. Rechargez la page et réessayez.',
  challenge_invalid: 'L’opération a pris trop de temps. Veuillez réessayer.',
  registration_failed: 'La clé d’accès n’a pas pu être enregistrée. Veuillez réessayer.',
  invitation_invalid: 'Cette invitation n’est plus valable. Demandez-en une nouvelle.',
  user_verification_unavailable:
    'Cette clé de sécurité ne peut pas vérifier votre identité. Configurez un code PIN ou une empreinte digitale, ou utilisez un autre appareil.',
  authentication_failed: 'Cette clé d’accès n’a pas été acceptée. Essayez une autre clé d’accès.',
  sign_in_required: 'Vous n’êtes pas connecté. Veuillez d’abord vous connecter.',
  step_up_required: 'Veuillez d’abord confirmer avec votre clé d’accès.',
  mode_not_allowed: 'Ce moyen de connexion n’est pas autorisé ici. Essayez un autre moyen ou un autre navigateur.',
  policy_denied:
    'Cette connexion ne respecte pas les règles de ce site. Essayez un autre navigateur ou un autre appareil.',
  not_found: 'Cet élément n’existe plus. Rechargez la page.',
  passkey_exists: 'Cette clé d’accès est déjà utilisée. Vous pouvez vous connecter avec elle.',
  last_passkey: 'C’est votre seule clé d’accès. Ajoutez-en d’abord une autre.',
  passkey_limit_reached: 'Vous avez trop de clés d’accès. Supprimez-en d’abord une.',
  username_unavailable: 'Ce nom est déjà pris. Veuillez en choisir un autre.',
  invitation_other_browser:
    'Cette invitation a été ouverte dans un autre navigateur. Utilisez ce navigateur-là ou demandez une nouvelle invitation.',
  rate_limited: 'Trop de tentatives. Attendez un moment et réessayez.',
  internal_error: 'Une erreur est survenue sur le serveur. Veuillez réessayer plus tard.',
  store_unavailable: 'Le serveur n’est pas disponible pour le moment. Veuillez réessayer plus tard.',
  audit_unavailable: 'Le serveur n’est pas disponible pour le moment. Veuillez réessayer plus tard.',
  unknown_answer: 'Le serveur a donné une réponse inattendue. Rechargez la page et réessayez.',
};
