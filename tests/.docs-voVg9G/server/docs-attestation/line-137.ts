export {};
import { origin, aaguid, creationOptions as publicKey, certificates, privateKey } from 'given';
import { createSoftwarePasskey, packedAttestation } from '@latchkey/testing';

const passkey = createSoftwarePasskey({ origin, aaguid });
passkey.register(publicKey, packedAttestation({ privateKey, certificates }));
passkey.register(publicKey, packedAttestation()); // self attestation, which a policy must refuse