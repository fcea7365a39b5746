package org.mtasts;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;

/**
 * A TCP connection that ends when its peer sends too much, TLS handshake and all framing included: limits on the body do not
 * see a flood of 1xx responses, chunk extensions or empty TLS records.
 */
final class MeteredSocket extends Socket {
  private static final int BUDGET = 128 * 1024;
  private int left = BUDGET;

  /** Did the peer send too much? */
  boolean isExhausted() {
    return left < 0;
  }

  @Override
  public InputStream getInputStream() throws IOException {
    return new FilterInputStream(super.getInputStream()) {
      @Override
      public int read() throws IOException {
        return counted(super.read(), 1);
      }

      @Override
      public int read(byte[] into, int at, int length) throws IOException {
        int octets = super.read(into, at, length);
        return counted(octets, octets);
      }

      private int counted(int result, int octets) throws IOException {
        if (result >= 0) left -= octets;
        if (left < 0) throw new IOException("more than " + BUDGET + " octets");
        return result;
      }
    };
  }
}
