package org.mtasts;

/** A refusal of the core: a record, policy or request is not what it should be. */
public final class CoreException extends Exception {
  private static final long serialVersionUID = 1;
  private final Abi.Code code;
  private final int offset;

  CoreException(int code, int offset) {
    super(Abi.Code.of(code).meaning() + " (at octet " + offset + ")");
    this.code = Abi.Code.of(code);
    this.offset = offset;
  }

  public Abi.Code code() {
    return code;
  }

  /** The octet at which reading stopped, in the text or request that was given. */
  public int offset() {
    return offset;
  }
}
