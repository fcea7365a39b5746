/** The functions of docs/abi.md, the same for the WebAssembly module and its portable twin. */
export interface CoreExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  mtasts_abi_version(): number;
  mtasts_in_ptr(): number;
  mtasts_in_cap(): number;
  mtasts_out_ptr(): number;
  mtasts_out_cap(): number;
  mtasts_record_select(ptr: number, len: number, leniency: number): number;
  mtasts_policy_parse(ptr: number, len: number, leniency: number): number;
  mtasts_mx_match(pattern: number, patternLen: number, host: number, hostLen: number): number;
  mtasts_dnsid_match(names: number, namesLen: number, host: number, hostLen: number): number;
  mtasts_step(ptr: number, len: number): number;
  mtasts_plan(ptr: number, len: number): number;
  mtasts_judge(ptr: number, len: number): number;
  mtasts_tlsa_usable(ptr: number, len: number): number;
  mtasts_tlsa_match(ptr: number, len: number): number;
  mtasts_tlsa_base(addresses: number, expanded: number, original: number): number;
}
