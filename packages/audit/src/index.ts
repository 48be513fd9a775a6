/** Why this file exists: it is the whole public surface of @latchkey/audit. */

export { type ChainOptions, chained } from './chained.ts';
export { toEcs } from './ecs.ts';
export { type FileNotice, type FileSink, type FileSinkOptions, fileSink } from './file-sink.ts';
export type { ChainKeys, ChainPlace, Checkpoint } from './link.ts';
export { linesOf } from './log-files.ts';
export { toOcsf } from './ocsf.ts';
export { type LossReason, type QueuedSink, type QueueOptions, queued } from './queued.ts';
export { attemptStoreSink, type LineSink, mapped, type RecordSink, type SinkOptions } from './sink.ts';
export { type StdoutSinkOptions, stdoutSink } from './stdout-sink.ts';
export { type ChainFault, type ChainReport, type LinePlace, type VerifyOptions, verifyChain } from './verify-chain.ts';
