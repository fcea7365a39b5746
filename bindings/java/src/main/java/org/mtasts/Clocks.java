package org.mtasts;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.zip.CRC32;

/** What time it is, as the core wants it. */
final class Clocks {
  private static final long DAY = 86_400;

  private Clocks() {}

  /**
   * The clocks of the machine. System.nanoTime has no origin that processes share and may stand still while the machine
   * sleeps, so that on Linux the uptime of the kernel is read, which does neither.
   */
  static Supplier<Step.Clock> system() {
    int boot = boot();
    boolean kernel = Files.isReadable(Path.of("/proc/uptime"));
    return () ->
        new Step.Clock(
            System.currentTimeMillis() / 1000, kernel ? kernelUptime() : System.nanoTime() / 1_000_000 & Long.MAX_VALUE, boot);
  }

  private static long kernelUptime() {
    try {
      String text = Files.readString(Path.of("/proc/uptime"));
      return Math.round(Double.parseDouble(text.substring(0, text.indexOf(' '))) * 1000);
    } catch (IOException error) {
      throw new IllegalStateException(error);
    }
  }

  /** Linux names each boot; elsewhere every process counts as a boot of its own, which is only more careful. */
  private static int boot() {
    try {
      CRC32 sum = new CRC32();
      sum.update(Files.readAllBytes(Path.of("/proc/sys/kernel/random/boot_id")));
      return (int) sum.getValue();
    } catch (IOException error) {
      return new SecureRandom().nextInt();
    }
  }

  /**
   * Unix time for what outlives the process: never more than a day ahead of the start and the time passed since, so that one
   * moment of a clock set years ahead does not become the store's high-water time.
   */
  static LongSupplier steady(Supplier<Step.Clock> clock) {
    Step.Clock start = clock.get();
    return () -> {
      Step.Clock read = clock.get();
      return Math.min(read.now(), start.now() + (read.uptimeMillis() - start.uptimeMillis()) / 1000 + DAY);
    };
  }
}
