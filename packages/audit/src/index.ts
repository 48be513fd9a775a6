/** The whole public surface of @latchkey/audit. */

export type { Bounds } from './bounded.ts';
export { type ChainOptions, chained } from './chained.ts';
export type { CheckpointOptions, CheckpointSink } from './checkpointing.ts';
export { toEcs } from './ecs.ts';
export { type Erasure, type ErasureReport, eraseUser } from './erase.ts';
export {
  type Evidence,
  type EvidenceFilter,
  type EvidenceOptions,
  type EvidenceReport,
  type EvidenceResult,
  type EvidenceStatement,
  evidenceFor,
  type VerifyEvidenceOptions,
  verifyEvidence,
} from './evidence.ts';
export { type FileNotice, type FileSink, type FileSinkOptions, fileSink } from './file-sink.ts';
export type { ChainKeys, ChainPlace, Checkpoint } from './link.ts';
export { linesOf } from './log-files.ts';
export { toOcsf } from './ocsf.ts';
export type { SinkNotice } from './outage.ts';
export { type LossReason, type QueuedSink, type QueueOptions, queued } from './queued.ts';
export type { PublicKeys, Signature, SigningKey } from './signing.ts';
export { attemptStoreSink, type Closable, type LineSink, mapped, type RecordSink, type SinkOptions } from './sink.ts';
export { type StdoutSinkOptions, stdoutSink } from './stdout-sink.ts';
export {
  type ChainFault,
  type ChainReport,
  type LinePlace,
  type Source,
  type VerifyOptions,
  verifyChain,
} from './verify-chain.ts';
export { type WebhookEvent, type WebhookOptions, type WebhookSink, webhook } from './webhook.ts';
