// What a page says, in Spanish.

import type { Sentences } from './keys.ts';

export const es: Sentences = {
  unavailable: 'No se ha usado ninguna llave de acceso. Inténtelo de nuevo o elija otra forma de iniciar sesión.',
  unreadable:
    'Su gestor de contraseñas ha dado una respuesta que no se puede usar. Actualícelo o pruebe con otro navegador.',
  unsupported: 'Este navegador no puede hacerlo. Pruebe con otro navegador u otro dispositivo.',
  exists: 'Este dispositivo ya tiene una llave de acceso para esta cuenta. Puede iniciar sesión con ella.',
  busy: 'Su navegador todavía está ocupado con otra solicitud. Termínela o ciérrela primero.',
  offline: 'El servidor no ha respondido. Compruebe su conexión e inténtelo de nuevo.',
  refused: 'Algo ha salido mal. Vuelva a cargar la página e inténtelo de nuevo.',
  challenge_invalid: 'Ha tardado demasiado. Inténtelo de nuevo.',
  registration_failed: 'No se ha podido guardar la llave de acceso. Inténtelo de nuevo.',
  invitation_invalid: 'Esta invitación ya no es válida. Pida una nueva.',
  user_verification_unavailable:
    'Esta llave de seguridad no puede comprobar que es usted. Configure en ella un PIN o una huella digital, o use otro dispositivo.',
  authentication_failed: 'No se ha aceptado esta llave de acceso. Pruebe con otra.',
  sign_in_required: 'No ha iniciado sesión. Inicie sesión primero.',
  step_up_required: 'Confirme primero con su llave de acceso.',
  mode_not_allowed: 'Aquí no se puede iniciar sesión de esta forma. Pruebe otra forma u otro navegador.',
  policy_denied:
    'Este inicio de sesión no cumple las reglas de este sitio. Pruebe con otro navegador u otro dispositivo.',
  not_found: 'Este elemento ya no existe. Vuelva a cargar la página.',
  passkey_exists: 'Esta llave de acceso ya está en uso. Puede iniciar sesión con ella.',
  last_passkey: 'Esta es su única llave de acceso. Añada otra primero.',
  passkey_limit_reached: 'Tiene demasiadas llaves de acceso. Elimine una primero.',
  username_unavailable: 'Este nombre ya está en uso. Elija otro.',
  invitation_other_browser:
    'Esta invitación se abrió en otro navegador. Use ese navegador o pida una nueva invitación.',
  rate_limited: 'Demasiados intentos. Espere un momento e inténtelo de nuevo.',
  internal_error: 'Algo ha salido mal en el servidor. Inténtelo de nuevo más tarde.',
  store_unavailable: 'El servidor no está disponible en este momento. Inténtelo de nuevo más tarde.',
  audit_unavailable: 'El servidor no está disponible en este momento. Inténtelo de nuevo más tarde.',
  unknown_answer: 'El servidor ha dado una respuesta inesperada. Vuelva a cargar la página e inténtelo de nuevo.',
};
