import type { Runtime, Transport } from './shapes.js';
/** Which transport to take: the best that works, as remembered for the server's origin. */
export declare class Fallback {
    #private;
    /** Another tab has the connection. */
    follows: boolean;
    /** @param {Transport[] | undefined} wanted best first @param {Runtime} runtime @param {string} origin */
    constructor(wanted: Transport[] | undefined, { WebSocket, storage }: Runtime, origin: string);
    /** @returns {Transport} */
    get transport(): Transport;
    get better(): Transport[];
    /** When to try a better one, in ms: soon if it was good until now (a server that restarts blocks them all). */
    get upgradeMs(): 5000 | 300000;
    /** @param {Transport} name has said hello */
    worked(name: Transport): void;
    /** No hello came. True: the next one is to be tried at once. @param {boolean} isSilent once is enough */
    failed(isSilent: boolean): boolean;
}
