package org.mtasts;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * One file for each domain in a folder of its own, written beside it, forced to the disk and moved into place; a lock keeps
 * processes apart. What a call wrote survives a crash of the machine when the call is over.
 */
public final class FileStore implements Store {
  private static final String ENDING = ".state";
  private static final int HEAD = 8;
  private final Path folder;
  private final Path seen;

  private interface Work<T> {
    T run() throws IOException;
  }

  /** Opens or makes the folder. */
  public FileStore(Path folder) throws IOException {
    this.folder = Files.createDirectories(folder);
    seen = folder.resolve("seen");
  }

  /** A canonical domain is letters, digits, hyphens and dots, and never begins with a dot: it cannot leave the folder. */
  private Path fileOf(String domain) {
    return folder.resolve(Domains.canonical(domain) + ENDING);
  }

  /** Threads are kept apart by the monitor, processes by the lock: a lock of the JVM's own would be an exception. */
  private synchronized <T> T locked(Work<T> work) throws IOException {
    synchronized (FileStore.class) {
      try (FileChannel channel =
              FileChannel.open(folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          FileLock lock = channel.lock()) {
        assert lock.isValid();
        return work.run();
      }
    }
  }

  @Override
  public Optional<Row> get(String domain) throws IOException {
    return locked(() -> read(domain));
  }

  private Optional<Row> read(String domain) throws IOException {
    try {
      ByteBuffer octets = ByteBuffer.wrap(Files.readAllBytes(fileOf(domain)));
      if (octets.remaining() < HEAD) throw new IOException(fileOf(domain) + " is cut");
      long version = octets.getLong();
      byte[] state = new byte[octets.remaining()];
      octets.get(state);
      return Optional.of(new Row(state, version));
    } catch (NoSuchFileException none) {
      return Optional.empty();
    }
  }

  @Override
  public OptionalLong put(String domain, byte[] state, long expected, long now) throws IOException {
    return locked(
        () -> {
          if (version(domain) != expected) return OptionalLong.empty();
          ByteBuffer before = readSeen();
          long version = before.getLong(0) + 1;
          // First, so that no version is ever used twice, whatever happens in between.
          write(seen, ByteBuffer.allocate(16).putLong(version).putLong(Math.max(before.getLong(8), now)));
          write(fileOf(domain), ByteBuffer.allocate(HEAD + state.length).putLong(version).put(state));
          return OptionalLong.of(version);
        });
  }

  @Override
  public boolean forget(String domain, long expected) throws IOException {
    return locked(
        () -> {
          if (version(domain) != expected) return false;
          Files.deleteIfExists(fileOf(domain));
          forceFolder();
          return true;
        });
  }

  private long version(String domain) throws IOException {
    return read(domain).map(Row::version).orElse(0L);
  }

  private void write(Path file, ByteBuffer octets) throws IOException {
    Path beside = folder.resolve("new");
    try (FileChannel channel =
        FileChannel.open(
            beside, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
      octets.flip();
      while (octets.hasRemaining()) channel.write(octets);
      channel.force(true);
    }
    Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    forceFolder();
  }

  private void forceFolder() throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  private ByteBuffer readSeen() throws IOException {
    try {
      byte[] octets = Files.readAllBytes(seen);
      if (octets.length != 16) throw new IOException(seen + " is damaged");
      return ByteBuffer.wrap(octets);
    } catch (NoSuchFileException isNew) {
      return ByteBuffer.allocate(16);
    }
  }

  @Override
  public List<String> domains() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(ENDING))
          .map(name -> name.substring(0, name.length() - ENDING.length()))
          .sorted()
          .toList();
    }
  }

  @Override
  public long highWater() throws IOException {
    return locked(() -> readSeen().getLong(8));
  }
}
