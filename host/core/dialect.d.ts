// The AssemblyScript built-ins that assembly/ uses, as TypeScript sees them. The values are in portable-memory.ts.
declare type i32 = number;
declare type u32 = number;
declare type usize = number;
declare type bool = boolean;
declare function u32(value: number | boolean): number;
declare function i32(value: number | boolean): number;
declare namespace i32 {
  function load8_u(pointer: usize): i32;
  function load16_u(pointer: usize, offset: usize, align: usize): i32;
  function load(pointer: usize, offset: usize, align: usize): i32;
  function store8(pointer: usize, value: i32): void;
  function store(pointer: usize, value: i32, offset: usize, align: usize): void;
}
declare type u8 = number;
declare namespace memory {
  function data<T>(values: number[]): usize;
  function data(size: i32, align: i32): usize;
}
