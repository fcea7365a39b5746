package org.mtasts;

import java.io.IOException;
import java.net.InetAddress;
import java.util.List;

/** Lookups that a Client needs. Names are A-labels without trailing dot. Calls block. */
public interface Dns {
  /** The outcome of a TXT query: failed is for what could not be found out, none for what is not there. */
  Step.RecordEnded txt(String name);

  /**
   * A and AAAA; empty when there are none.
   *
   * @throws IOException neither could be found out, or one could not and the other is empty
   */
  List<InetAddress> addresses(String name) throws IOException;
}
