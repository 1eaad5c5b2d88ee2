/** @import {Runtime, TokenSource} from './shapes.js' */
import type { Runtime, TokenSource } from './shapes.js';
/** The token in use. Asked for when there is none, it ends within 10 s, or it was refused. */
export declare class Tokens {
    #private;
    /** @param {Runtime} runtime @param {TokenSource} source */
    constructor({ now }: Runtime, source: TokenSource);
    get canRenew(): boolean;
    /** @param {TokenSource} source from now on */
    use(source: TokenSource): void;
    /** It was refused, or is to be renewed: the next one is asked for. @param {string} [token] */
    drop(token?: string): void;
    /** Throws what the app's function throws. */
    get(): Promise<string | undefined>;
    /** What the server says of it. @param {number | null} inS */
    expires(inS: number | null): void;
}
/**
 * Whose token it is; '' without one, undefined if it can't be known. (The server compresses what is long.)
 * @returns {Promise<string | undefined>}
 */
export declare function subjectOf(token?: string): Promise<string | undefined>;
