/** The version that records, spans and metrics carry; the build fails when it is not package.json's. */
export const VERSION = '0.0.0';
