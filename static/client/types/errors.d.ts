/** @import {Problem} from './shapes.js' */
import type { Problem } from './shapes.js';
/** Whatever goes wrong. `code` is the last part of a problem's type, or the client's own. */
export declare class TricastError extends Error {
    code: string;
    detail: string;
    status: number | undefined;
    field: string | undefined;
    retryAfterMs: number | undefined;
    /** What the server said; without it, something on the way spoke. */
    problem: Problem | undefined;
    /**
     * @param {string} code
     * @param {string} detail
     * @param {{status?: number, field?: string, retryAfterMs?: number, problem?: Problem, cause?: unknown}} [more]
     */
    constructor(code: string, detail: string, { status, field, retryAfterMs, problem, cause }?: {
        status?: number;
        field?: string;
        retryAfterMs?: number;
        problem?: Problem;
        cause?: unknown;
    });
    /** Whether the same again won't do. */
    get isFinal(): boolean;
}
/**
 * @param {Problem} problem
 * @param {number} [retryAfterMs]
 */
export declare function problemError(problem: Problem, retryAfterMs?: number): TricastError;
/** @param {unknown} cause */
export declare const asError: (cause: unknown) => TricastError;
