package org.mtasts;

/** What a Client needs for the policy. */
public interface Fetcher {
  /** What the GET came to; {@code body} and {@code contentType} (null: absent) only for FetchOutcome.OK. */
  record Fetched(Abi.FetchOutcome outcome, String detail, byte[] body, String contentType) {
    static Fetched failed(Abi.FetchOutcome outcome, String detail) {
      return new Fetched(outcome, detail, new byte[0], null);
    }
  }

  /** One GET for a canonical domain; blocks until it ends, within a deadline. Never throws for what the network does. */
  Fetched fetch(String domain);
}
