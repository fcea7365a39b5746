package org.mtasts;

import com.dylibso.chicory.compiler.MachineFactoryCompiler;
import com.dylibso.chicory.runtime.ExportFunction;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.Machine;
import com.dylibso.chicory.runtime.Memory;
import com.dylibso.chicory.wasm.ChicoryException;
import com.dylibso.chicory.wasm.Parser;
import com.dylibso.chicory.wasm.WasmModule;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;

/** One instance of mta-sts.wasm: octets in, octets out (docs/abi.md, "Calling convention"). */
final class ModuleInstance {
  private final WasmModule module;
  private final Function<Instance, Machine> compiled;
  private Instance instance;
  private final Map<String, ExportFunction> functions = new HashMap<>();
  private Memory memory;
  private int in;
  private int inCapacity;
  private int out;

  ModuleInstance(byte[] wasm) {
    module = Parser.parse(wasm);
    compiled = MachineFactoryCompiler.compile(module);
    instantiate();
  }

  static byte[] shipped() {
    try (InputStream stream = ModuleInstance.class.getResourceAsStream("mta-sts.wasm")) {
      if (stream == null) throw new IllegalStateException("mta-sts.wasm is missing from the package: run npm run build");
      return stream.readAllBytes();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  private void instantiate() {
    instance = Instance.builder(module).withMachineFactory(compiled).build();
    memory = instance.memory();
    functions.clear();
    int version = call("mtasts_abi_version");
    if (version >> 16 != Abi.MAJOR || (version & 0xffff) < Abi.MINOR)
      throw new IllegalStateException(
          "mta-sts.wasm has ABI %d.%d, this package needs %d.%d"
              .formatted(version >> 16, version & 0xffff, Abi.MAJOR, Abi.MINOR));
    in = call("mtasts_in_ptr");
    inCapacity = call("mtasts_in_cap");
    out = call("mtasts_out_ptr");
  }

  private int call(String name, long... arguments) {
    try {
      return (int) functions.computeIfAbsent(name, instance::export).apply(arguments)[0];
    } catch (ChicoryException trap) {
      // A bug of the module: its memory may say anything now.
      instantiate();
      throw new IllegalStateException(name + " trapped; please report it with the request", trap);
    }
  }

  /** What OUT held after a call. */
  record Reply(int status, int offset, byte[] payload) {
    /** A number of the payload, which the core promises to be there. */
    int u32(int at) {
      return fields().getInt(at);
    }

    ByteBuffer fields() {
      return ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN);
    }
  }

  /** Writes a request and calls an export with its address, its length and further arguments. */
  synchronized Reply ask(String name, byte[] request, int... more) throws CoreException {
    long[] arguments = new long[2 + more.length];
    arguments[0] = in;
    arguments[1] = request.length;
    for (int i = 0; i < more.length; i++) arguments[2 + i] = more[i];
    return exchange(name, request, arguments);
  }

  /** Calls an export that takes two texts: both are written, one behind the other. */
  synchronized Reply askPair(String name, byte[] first, byte[] second) throws CoreException {
    byte[] request = ByteBuffer.allocate(first.length + second.length).put(first).put(second).array();
    return exchange(name, request, in, first.length, in + first.length, second.length);
  }

  /** Calls an export that takes no octets. */
  synchronized Reply askNumbers(String name, int a, int b, int c) throws CoreException {
    return exchange(name, new byte[0], a, b, c);
  }

  private Reply exchange(String name, byte[] request, long... arguments) throws CoreException {
    if (request.length > inCapacity) throw new CoreException(Abi.Code.BOUNDS.number(), inCapacity);
    memory.write(in, request, 0, request.length);
    int status = call(name, arguments);
    int offset = memory.readInt(out + Abi.OUT_OFFSET);
    if (status < 0) throw new CoreException(status, offset);
    int length = memory.readInt(out + Abi.OUT_LENGTH);
    return new Reply(status, offset, memory.readBytes(out + Abi.OUT_HEADER, length));
  }
}
