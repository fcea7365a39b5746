// The public API of the package. What is exported here is stable; everything else may move.

export type { Config } from "./config/config.ts";
export { type LoadOptions as ConfigOptions, loadConfig } from "./config/load.ts";
export { ConfigError, type Problem } from "./config/problem.ts";
export { Core, type CoreError, type ParsedPolicy, type SelectedRecord, type TxtRecord } from "./core/core.ts";
export type { JudgeRequest, JudgeResult } from "./core/judge.ts";
export { type LoadOptions, loadCore, loadCoreSync } from "./core/load.ts";
export type {
  Action,
  Addresses,
  Base,
  Chain,
  DaneState,
  ErrorName,
  Leniency,
  Mode,
  OnDiscoveryFailure,
  PlanReason,
  ResultType,
  Session,
  Why,
} from "./core/names.ts";
export type { DaneFacts, PlanEntry, PlanRequest } from "./core/plan.ts";
export type { Effect, StepAnswer, StepClock, StepEvent, StepRequest, StepResult } from "./core/step.ts";
export { laterFetch, type StoredPolicy, storedPolicy } from "./core/stored-state.ts";
export type { PeerCertificate, TlsaBase, TlsaMatch, TlsaRrset } from "./core/tlsa.ts";
export { Dane, type DaneOptions, type FindDane } from "./dane/dane.ts";
export { type DaneDestination, type DaneFindings, lookUpDane } from "./dane/domain-lookup.ts";
export type { DaneCore, DaneDns, DaneHost } from "./dane/host-lookup.ts";
export { type Reached, referenceNames } from "./dane/reference-names.ts";
export { DnssecSelfTest, type SelfTestOptions, type Trust } from "./dane/self-test.ts";
export { type PeerToVerify, type PeerVerdict, verifyPeer } from "./dane/verify-peer.ts";
export { createDnsClient, type DnsClientOptions } from "./dns/client.ts";
export { canonicalDomain, policyRecordName } from "./dns/names.ts";
export type { DnsClient, DnsFailed, DnsFailure, DnsNone, DnsOutcome, DnsRecords, MxRecord } from "./dns/types.ts";
export { type Clock, systemClock, systemTimers, type Timers } from "./engine/clock.ts";
export type {
  Decision,
  DecisionReason,
  HonouredPolicy,
  LookupStatus,
  PolicyMode,
  PolicyResultType,
  Resolver,
} from "./engine/decision.ts";
export { type CachedView, createEngine, type Engine, type EngineOptions } from "./engine/engine.ts";
export { type EngineNotice, type EngineObserver, silentObserver } from "./engine/observer.ts";
export { createPolicyFetcher, type PolicyFetcherOptions } from "./https/fetch-policy.ts";
export type { FetchFailure, PolicyFetch, PolicyFetcher, PolicyPeer } from "./https/types.ts";
export { observeEngine, observeStore } from "./observe/engine-observer.ts";
export type { EventName } from "./observe/events.ts";
export { createObserveServer, type Health, type ObserveServerOptions } from "./observe/http.ts";
export { type EventLine, eventLine } from "./observe/line.ts";
export type { Log } from "./observe/log.ts";
export { clusterMetrics, createMetrics, type Metrics } from "./observe/metrics.ts";
export { printable } from "./observe/printable.ts";
export { MemoryStore, type MemoryStoreOptions } from "./store/memory.ts";
export type { StoreEvent, StoreListener, StoreNotice, StoreStatus } from "./store/notice.ts";
export { openSqliteStore, type SqliteStoreOptions } from "./store/open.ts";
export { openPolicyStore, type PolicyStoreOptions } from "./store/policy-store.ts";
export { openResilientStore, type ResilientStore, type ResilientStoreOptions } from "./store/resilient.ts";
export { type PolicyStore, type StoredState, StoreError, type StoreFailure } from "./store/types.ts";
export { dnsIdsOf } from "./tls/certificate.ts";
export { chainTo } from "./tls/chain.ts";
export { peerChain, refusedFacts, type SessionFacts, sessionFacts } from "./tls/session.ts";
export { certificatesOf, pkixTrust, refuseUnsafeEnvironment } from "./tls/trust.ts";
