/** @import {Problem} from './shapes.js' */

/** Whatever goes wrong. `code` is the last part of a problem's type, or the client's own. */
export class TricastError extends Error {
  /**
   * @param {string} code
   * @param {string} detail
   * @param {{status?: number, field?: string, retryAfterMs?: number, problem?: Problem, cause?: unknown}} [more]
   */
  constructor(code, detail, { status, field, retryAfterMs, problem, cause } = {}) {
    super(detail, { cause });
    this.name = 'TricastError';
    this.code = code;
    this.detail = detail;
    this.status = status;
    this.field = field;
    this.retryAfterMs = retryAfterMs;
    /** What the server said; without it, something on the way spoke. */
    this.problem = problem;
  }

  /** Whether the same again won't do. */
  get isFinal() {
    const { status = 0 } = this;
    return status >= 400 && status < 500 && status !== 408 && status !== 429;
  }
}

/**
 * @param {Problem} problem
 * @param {number} [retryAfterMs]
 */
export function problemError(problem, retryAfterMs) {
  const { type = 'error', title = 'refused', detail = title, status, field, retry_after_s: s } = problem;
  retryAfterMs ??= s && s * 1000;
  return new TricastError(type.replace(/.*\//, ''), detail, { status, field, retryAfterMs, problem });
}

/** @param {unknown} cause */
export const asError = (cause) =>
  cause instanceof TricastError ? cause : new TricastError('network', String(cause), { cause });
