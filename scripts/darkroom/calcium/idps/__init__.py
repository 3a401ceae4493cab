"""Engine idps: the proprietary Inscopix Data Processing, from the user's own installer, checked and driven."""
